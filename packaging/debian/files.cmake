# Installs what only the package has: its changelog, that of the program, what lintian is told.
set(doc "${CMAKE_INSTALL_PREFIX}/share/doc/perilune")
set(readable OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC) # SOURCE_DATE_EPOCH sets it
configure_file("${folder}/changelog.in" "${build}/changelog.Debian" @ONLY)
configure_file("${changes}" "${build}/changelog" COPYONLY)
execute_process(COMMAND gzip -9nf "${build}/changelog.Debian" "${build}/changelog"
  COMMAND_ERROR_IS_FATAL ANY)
file(INSTALL "${build}/changelog.Debian.gz" "${build}/changelog.gz" DESTINATION "${doc}"
  PERMISSIONS ${readable})
file(INSTALL "${folder}/overrides" DESTINATION "${CMAKE_INSTALL_PREFIX}/share/lintian/overrides"
  RENAME perilune PERMISSIONS ${readable})
