# SPDX-License-Identifier: GPL-2.0-or-later
# cmake -DTABLE=FILE -P table.cmake HEADER...: writes the loader's table of layouts from headers with facts.
set(lists "")
set(rows "")
math(EXPR last "${CMAKE_ARGC} - 1")
set(n 0)
foreach(i RANGE 4 ${last})
	set(header ${CMAKE_ARGV${i}})
	get_filename_component(name ${header} NAME)
	string(REGEX REPLACE "\\.h$" "" name ${name})
	file(STRINGS ${header} line REGEX "^#define FACT_RELEASES ")
	string(REGEX REPLACE "^#define FACT_RELEASES " "" releases "${line}")
	string(APPEND lists "static const char *const releases_${n}[] = {${releases}, NULL};\n")
	string(APPEND rows "\t{\"${name}\", releases_${n}},\n")
	math(EXPR n "${n} + 1")
endforeach()
file(WRITE ${TABLE} "#include \"ser/loader/layouts.h\"\n\n#include <stddef.h>\n\n${lists}\n"
		    "const struct layout layouts[] = {\n${rows}\t{NULL, NULL},\n};\n")
