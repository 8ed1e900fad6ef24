#!/bin/sh
# An ffmpeg on a board whose encoder works on test pictures and on nothing else.
for word do
    [ "$word" = h264_v4l2m2m ] && hardware=yes
    [ "$word" = lavfi ] && trial=yes
done
if [ "$hardware$trial" = yes ]; then
    echo "Could not find a valid device" >&2
    exit 1
fi
for word do
    shift
    [ "$word" = h264_v4l2m2m ] && word=libx264
    set -- "$@" "$word"
done
exec ffmpeg "$@"
