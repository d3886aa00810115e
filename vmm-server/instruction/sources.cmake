# SPDX-License-Identifier: MIT
# Instruction decoding of the VMM. Sets VMM_INSTRUCTION_SOURCES (ours), and for the decoder library, which build/fetch-zydis.sh puts into out/zydis:
# ZYDIS_SOURCES (compile without -Wconversion and -Werror), ZYDIS_INCLUDES (system include folders of both), ZYDIS_DEFINITIONS (of both).
# All of it runs in exit handlers: -mgeneral-regs-only.
set(VMM_INSTRUCTION_SOURCES
  ${CMAKE_CURRENT_LIST_DIR}/fetch.c
  ${CMAKE_CURRENT_LIST_DIR}/guest_operand.c
  ${CMAKE_CURRENT_LIST_DIR}/instruction.c
  ${CMAKE_CURRENT_LIST_DIR}/segment_check.c
  ${CMAKE_CURRENT_LIST_DIR}/string_io.c
  ${CMAKE_CURRENT_LIST_DIR}/zydis.c
)

get_filename_component(ZYDIS_ROOT ${CMAKE_CURRENT_LIST_DIR}/../../out/zydis ABSOLUTE)
set(ZYDIS_SOURCES)
foreach(name Decoder DecoderData SharedData Register MetaInfo Segment Zydis)
  list(APPEND ZYDIS_SOURCES ${ZYDIS_ROOT}/src/${name}.c)
endforeach()
set(ZYDIS_INCLUDES ${ZYDIS_ROOT}/include ${ZYDIS_ROOT}/src)
set(ZYDIS_DEFINITIONS
  ZYAN_NO_LIBC ZYCORE_STATIC_BUILD ZYDIS_STATIC_BUILD
  ZYDIS_DISABLE_FORMATTER ZYDIS_DISABLE_ENCODER ZYDIS_DISABLE_AVX512 ZYDIS_DISABLE_KNC
)
