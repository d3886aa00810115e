# SPDX-License-Identifier: MIT
# The test device: the model itself links into host tests and fuzzers too, main.c makes it a task.
set(TEST_DEVICE_SOURCES ${CMAKE_CURRENT_LIST_DIR}/test_device.c)
set(TEST_DEVICE_TASK_SOURCES ${CMAKE_CURRENT_LIST_DIR}/main.c)
