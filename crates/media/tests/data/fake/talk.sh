#!/bin/sh
# An ffmpeg that never stops complaining and answering.
yes complaint >&2 &
exec yes answer
