# The Debian package: what one has beside the files that are installed.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME perilune)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "The Perilune authors <perilune@packages.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "program that runs Lua scripts which serve realtime protocols")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"A C runtime does the protocols and the I/O; a script says what the
application does. It serves WebSocket (RFC 6455, with compression) and
HTTP/1.1 on one port, plain or over TLS, with channels, broadcast, timers
and JSON. A chat is included, which runs as perilune@chat.service.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS libpsl5)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS lua-busted)
set(CPACK_STRIP_FILES ON)
# Staged below DESTDIR, so that the prefix is what it will be.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(folder ${CMAKE_CURRENT_LIST_DIR})
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${folder}/conffiles ${folder}/postinst ${folder}/prerm ${folder}/postrm)

install(CODE "
set(folder \"${folder}\")
set(changes \"${PROJECT_SOURCE_DIR}/CHANGELOG.md\")
set(maintainer \"${CPACK_PACKAGE_CONTACT}\")
set(version ${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})
set(build \"${CMAKE_CURRENT_BINARY_DIR}\")" COMPONENT debian EXCLUDE_FROM_ALL)
install(SCRIPT debian/files.cmake COMPONENT debian EXCLUDE_FROM_ALL)
set(CPACK_INSTALL_CMAKE_PROJECTS
  ${PROJECT_BINARY_DIR} ${PROJECT_NAME} Unspecified /
  ${PROJECT_BINARY_DIR} ${PROJECT_NAME} debian /)
set(CPACK_DEB_COMPONENT_INSTALL OFF)
include(CPack)
