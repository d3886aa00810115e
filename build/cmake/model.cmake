# SPDX-License-Identifier: MIT
# The kernel's capability code against a reference model: out/model/explore, and the same with sanitizers (tests/model).
foreach(program explore explore-checked)
  add_executable(model-${program}
    tests/model/explore.c tests/model/machine.c tests/model/model.c
    kernel/object/cnode.c kernel/object/derivation.c kernel/object/invoke.c kernel/object/untyped.c)
  target_include_directories(model-${program} PRIVATE tests/model kernel kernel/include)
  target_compile_definitions(model-${program} PRIVATE _GNU_SOURCE)
  target_compile_options(model-${program} PRIVATE ${BULKHEAD_WARNINGS} -O2 -g -fno-strict-aliasing)
  set_target_properties(model-${program} PROPERTIES OUTPUT_NAME ${program} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/model)
endforeach()
target_compile_options(model-explore-checked PRIVATE -fsanitize=address,undefined -fno-sanitize-recover=all)
target_link_options(model-explore-checked PRIVATE -fsanitize=address,undefined)
