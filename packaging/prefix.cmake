# Installs what has paths of the prefix in it: the manual page, the systemd unit, the settings of its
# instance `chat`, and links. As everywhere, what belongs to /usr is set up in /etc.
set(prefix "${CMAKE_INSTALL_PREFIX}")
if(prefix STREQUAL "/usr")
  set(etc /etc)
else()
  set(etc "${prefix}/etc")
endif()
string(TIMESTAMP date "%Y-%m-%d" UTC) # SOURCE_DATE_EPOCH sets it
set(readable OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)

configure_file("${source}/perilune.1.in" "${build}/perilune.1" @ONLY)
execute_process(COMMAND gzip -9nf "${build}/perilune.1" COMMAND_ERROR_IS_FATAL ANY)
file(INSTALL "${build}/perilune.1.gz" DESTINATION "${prefix}/${man}/man1" PERMISSIONS ${readable})

configure_file("${source}/perilune@.service.in" "${build}/perilune@.service" @ONLY)
file(INSTALL "${build}/perilune@.service" DESTINATION "${prefix}/lib/systemd/system"
  PERMISSIONS ${readable})

if(NOT EXISTS "$ENV{DESTDIR}${etc}/perilune/chat.conf") # it is the operator's
  configure_file("${source}/chat.conf.in" "${build}/chat.conf" @ONLY)
  file(INSTALL "${build}/chat.conf" DESTINATION "${etc}/perilune" PERMISSIONS ${readable})
endif()

# The pages link to one another as in the source tree, where the applications are beside them.
function(link target name)
  get_filename_component(folder "${name}" DIRECTORY)
  file(RELATIVE_PATH way "${prefix}/${folder}" "${prefix}/${target}")
  file(CREATE_LINK "${way}" "$ENV{DESTDIR}${prefix}/${name}" SYMBOLIC)
endfunction()
link("${share}/apps" "${doc}/apps")
link("${doc}/docs" "${share}/docs")
link("${doc}/copyright" "${doc}/LICENSE")
