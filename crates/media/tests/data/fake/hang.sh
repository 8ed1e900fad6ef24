#!/bin/sh
# An ffmpeg that never ends, and neither does what it starts. Leaves both process ids beside its output.
for last; do :; done
folder=$(dirname "${last#file:}")
sleep 600 &
echo "$$ $!" > "$folder/pids.part" && mv "$folder/pids.part" "$folder/pids"
wait
