#!/bin/sh
# An ffmpeg that says it went well and wrote something that is no clip.
for last; do :; done
echo "not a clip" > "${last#file:}"
