#!/bin/sh
# An ffmpeg on a board whose encoder works: libx264 does its work, told apart by its profile.
for word do
    shift
    [ "$word" = h264_v4l2m2m ] && word=libx264 && set -- "$@" "$word" -preset ultrafast -profile:v baseline && continue
    set -- "$@" "$word"
done
exec ffmpeg "$@"
