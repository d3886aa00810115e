# SPDX-License-Identifier: MIT
"""The evidence page: what is known about this tree, how it was found out, and what is not known. See __main__.py."""
