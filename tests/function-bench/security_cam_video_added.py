"""The article's arrival function, to compare with: what its text shows, line by line, in Python 3 instead of 2.7.

Source: "Serverless Architecture - a practical implementation", part 2 ("Lambda Function Code"). What it lacks is kept:
only the first record, the function's own clock in whole seconds, two writes one after the other, clients built anew for
each call. CLIENTS=kept builds them once, so that what else it costs can be seen.
"""
import os
import time
import urllib.parse

import boto3

kept = boto3.resource("dynamodb") if os.environ.get("CLIENTS") == "kept" else None


def lambda_handler(event, context):
    do_transcode = False
    start_time = time.time()
    # Get the object from the event and show its content type
    key = urllib.parse.unquote_plus(event["Records"][0]["s3"]["object"]["key"])
    size = event["Records"][0]["s3"]["object"]["size"]
    print("Security Video: " + key + " with size: " + str(size) + " uploaded.")
    object_parts = key.split("/")
    camera_name = object_parts[1]

    if "-small.mp4" not in key:
        small_vid_key = key.replace(".mp4", "-small.mp4")
        if do_transcode:
            raise NotImplementedError("the article leaves this for a later part")
        dyndb = kept or boto3.resource("dynamodb")
        prefix = os.environ.get("TABLE_PREFIX", "")
        vid_table = dyndb.Table(prefix + "security_alarm_videos")
        vid_timeline_table = dyndb.Table(prefix + "security_video_timeline")
        save_data = {
            "camera_name": camera_name,
            "video_size": size,
            "video_name": object_parts[5],
            "capture_date": object_parts[2],
            "capture_hour": object_parts[3],
            "event_ts": int(time.time()),
            "object_key": key,
            "object_key_small": small_vid_key,
        }
        vid_table.put_item(Item=save_data)
        vid_timeline_table.put_item(Item=save_data)
        print("Processing for " + key + " completed in: " + str(time.time() - start_time) + " seconds.")
