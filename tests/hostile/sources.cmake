# SPDX-License-Identifier: MIT
# Tasks that were taken over: images that stand in the place of honest ones in tests/system.
set(HOSTILE_DMA_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/dma_driver.c)
