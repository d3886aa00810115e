# SPDX-License-Identifier: MIT
# Tasks that were taken over: images that stand in the place of honest ones in tests/system.
set(HOSTILE_DMA_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/dma_driver.c)
set(HOSTILE_MODEL_SOURCES
	${CMAKE_CURRENT_LIST_DIR}/attack_calls.c
	${CMAKE_CURRENT_LIST_DIR}/attack_code.S
	${CMAKE_CURRENT_LIST_DIR}/attack_memory.c
	${CMAKE_CURRENT_LIST_DIR}/taken_over.c)
