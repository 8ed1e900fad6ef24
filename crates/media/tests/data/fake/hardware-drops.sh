#!/bin/sh
# An ffmpeg on a board whose encoder gives up after a few pictures and calls that a success.
for word do
    shift
    [ "$word" = h264_v4l2m2m ] && set -- "$@" libx264 -frames:v 12 && continue
    set -- "$@" "$word"
done
exec ffmpeg "$@"
