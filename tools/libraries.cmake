# Fetches the npm packages of an app into a folder of the build, and copies the files that its page
# loads into public/lib. Run by the build (apps/CMakeLists.txt) with
#   app      the application's folder, with package.json and package-lock.json
#   folder   where npm works
#   copies   a path in node_modules, the name in public/lib, the next path, ...
find_program(npm npm)
if(NOT npm)
  message(FATAL_ERROR "npm fetches the libraries of ${app}: install it (apt-get install npm); "
    "-DPL_LIBRARIES=OFF builds all but these pages")
endif()
file(COPY ${app}/package.json ${app}/package-lock.json DESTINATION ${folder})
execute_process(
  COMMAND ${npm} ci --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error
  WORKING_DIRECTORY ${folder} OUTPUT_QUIET ERROR_VARIABLE errors RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "npm ci for ${app} failed:\n${errors}")
endif()
file(MAKE_DIRECTORY ${app}/public/lib)
while(copies)
  list(POP_FRONT copies source name)
  file(COPY_FILE ${folder}/node_modules/${source} ${app}/public/lib/${name})
  file(TOUCH ${app}/public/lib/${name})
endwhile()
