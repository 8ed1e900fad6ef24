#!/bin/sh
# An ffmpeg that writes half a file and crashes.
for last; do :; done
echo "half a file" > "${last#file:}"
kill -SEGV $$
