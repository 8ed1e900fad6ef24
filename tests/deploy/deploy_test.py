"""The shipped template on an emulator of AWS that enforces its policies: the whole way, and what must be denied.

Each check is a function; its first line says what it shows. One that needs another to have passed says so and is skipped
(which counts as failed) where it didn't. Everything that is started here ends here; every wait has an end.
"""

import ftplib
import functools
import hashlib
import http.client
import json
import os
import pathlib
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse

import botocore.exceptions

import cloud
from cloud import Trouble, wait_for

ROOT = pathlib.Path(__file__).parents[2]
TEMPLATE = ROOT / "deploy" / "aws" / "template.yaml"
SAMPLES = ROOT / "tests" / "data"
CLIP = SAMPLES / "MDalarm_20160830_152954.mkv"
STILL = SAMPLES / "MDAlarm_20160830-155137.jpg"
STACK = "camtrail"
BUCKET = "clips-of-the-test"
PREFIX = "test_"
USER = "anna"
# From an upload's 226 to its event in the API: gateway, notification, first start of the function.
ARRIVAL_SECONDS = 90
# Three tries and the way to the queue.
DEAD_LETTER_SECONDS = 120
PROGRAM_SECONDS = 60
# Pages that a listing may take: more would be a cursor that never ends.
PAGES_MAX = 50

CHECKS = []


def check(*needs):
    """Registers a check; `needs` are those that must have passed before."""

    def register(function):
        CHECKS.append((function, [need.__name__ for need in needs]))
        return function

    return register


def expect(holds, otherwise):
    if not holds:
        raise Trouble(otherwise)


class World:
    """What the checks share."""

    def __init__(self, scratch, program, zips):
        self.scratch = pathlib.Path(scratch)
        self.program = program
        self.zips = zips
        self.cloud = None
        self.gateway = None
        self.outputs = {}
        self.resources = {}
        self.cookie = None
        self.passwords = {"user": secrets.token_urlsafe(12), "ftp": secrets.token_urlsafe(12)}
        self.gateway_keys = None

    def end(self):
        for process in (self.gateway, self.cloud):
            if process is not None:
                process.end()

    @functools.cache
    def root(self, service):
        return self.cloud.client(service)

    @functools.cache
    def of_role(self, role, service):
        """A client with the rights of one of the template's roles."""
        arn = self.root("iam").get_role(RoleName=self.resources[role])["Role"]["Arn"]
        return self.cloud.client(service, self._keys(arn))

    @functools.cache
    def _keys(self, arn):
        return self.cloud.role_keys(arn)

    @functools.cache
    def of_gateway(self, tls=True):
        return self.cloud.client("s3", self.gateway_keys, tls=tls)

    def environment(self, keys):
        """For our own program: keys, endpoints, and nothing of this machine's account."""
        access, secret, token = keys
        env = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(self.scratch),
            "RUST_LOG": os.environ.get("RUST_LOG", "info"),
            "AWS_ACCESS_KEY_ID": access,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": cloud.REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.cloud.url,
            "AWS_ENDPOINT_URL_S3": self.cloud.url,
            "AWS_ENDPOINT_URL_DYNAMODB": self.cloud.url,
        }
        return env | ({"AWS_SESSION_TOKEN": token} if token else {})

    def admin(self, *arguments, stdin=b""):
        """Runs the program as the account's owner, with the configuration that the stack gives out."""
        done = subprocess.run(
            [self.program, *arguments, "--config", str(self.scratch / "admin.toml"), "--data-dir", str(self.scratch / "admin")],
            input=stdin, capture_output=True, timeout=PROGRAM_SECONDS, env=self.environment(("test", "test", None)),
        )
        if done.returncode != 0:
            raise Trouble(f"camtrail {' '.join(arguments)} gave {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
        return done.stdout.decode()

    def api(self, method, path, body=None, signed_in=True):
        """A call of the API by the HTTP API in front of its function: status, headers, what JSON it gave (if any)."""
        headers = {"Accept": "application/json"}
        if signed_in:
            headers["Cookie"] = self.cookie
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        status, headers, answer = self.cloud.call(self.outputs["ApiId"], method, path, body, headers)
        try:
            return status, headers, json.loads(answer)
        except ValueError:
            return status, headers, answer

    def events(self, **query):
        """All events of the API's listing."""
        found, cursor = [], None
        for _ in range(PAGES_MAX):
            asked = {**query, "limit": 50} | ({"cursor": cursor} if cursor else {})
            status, _, page = self.api("GET", f"/api/v1/events?{urllib.parse.urlencode(asked)}")
            if status != 200:
                raise Trouble(f"GET /api/v1/events gave {status}: {page}")
            found += page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return found
        raise Trouble(f"the listing has more than {PAGES_MAX} pages of 50")

    def event(self, camera, until=lambda event: True, what="its event"):
        """The one event of a camera, once there is one and it is as it should be."""

        def look():
            self.gateway.alive()
            events = self.events(camera=camera)
            expect(len(events) <= 1, f"{len(events)} events of {camera}, expected one")
            return next(filter(until, events), None)

        try:
            return wait_for(f"{what} ({camera})", look, ARRIVAL_SECONDS, every=0.5)
        except Trouble as trouble:
            raise Trouble(f"{trouble}\nthe gateway's last lines:\n{self.gateway.tail(8)}\nthe arrival function's:\n"
                          + self.logged("security_cam_video_added", 12)) from None

    def logged(self, function, lines=None):
        """What a function logged."""
        name = f"/aws/lambda/{PREFIX}{function}"
        try:
            events = self.root("logs").filter_log_events(logGroupName=name)["events"]
        except botocore.exceptions.ClientError as error:
            return f"(no log {name}: {error})"
        return "\n".join(event["message"] for event in (events[-lines:] if lines else events))

    def upload(self, file, where):
        """Uploads as a camera does."""
        address = json.loads((self.scratch / "gateway" / "run" / "addresses.json").read_text())["ftp"]
        port = address.rsplit(":", 1)[1]
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--max-time", "60", "--ftp-create-dirs", "--user",
             f"camera:{self.passwords['ftp']}", "--upload-file", str(file), f"ftp://127.0.0.1:{port}/{urllib.parse.quote(where)}"],
            capture_output=True, timeout=PROGRAM_SECONDS + 10,
        )
        expect(done.returncode == 0, f"curl gave {done.returncode}: {done.stderr.decode()}")

    def get(self, url, **headers):
        """A GET as a browser's: of a signed link, or of the API's own path."""
        parts = urllib.parse.urlsplit(url)
        if not parts.netloc:
            return self.cloud.call(self.outputs["ApiId"], "GET", url, None, {"Cookie": self.cookie, **headers})
        line = http.client.HTTPConnection(parts.hostname, parts.port, timeout=cloud.REQUEST_SECONDS)
        line.request("GET", f"{parts.path}?{parts.query}", headers=headers)
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read()

    def rows(self, table, partition, value):
        """A partition's rows, as root."""
        return self.root("dynamodb").query(
            TableName=f"{PREFIX}{table}", KeyConditionExpression="#p = :p", ConsistentRead=True,
            ExpressionAttributeNames={"#p": partition}, ExpressionAttributeValues={":p": {"S": value}},
        )["Items"]

    def both_views(self, event):
        """How many rows an event has in the view by camera and in the view by day."""
        kind = ("security_alarm_videos", "security_video_timeline")
        if event["kind"] == "snap":
            kind = ("security_alarm_images", "security_image_timeline")
        found = (self.rows(kind[0], "camera_name", event["camera_name"]), self.rows(kind[1], "capture_date", event["capture_date"]))
        return tuple(sum(row["object_key"]["S"] == event["object_key"] for row in rows) for rows in found)

    def dead_letter(self):
        """The next message of the dead letter queue, taken off it."""
        queue = self.outputs["DeadLetterQueueUrl"]
        for message in self.root("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=1).get("Messages", []):
            self.root("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            return json.loads(message["Body"])
        return None


def denied(what, call, **arguments):
    """Fails unless the call is refused for lack of a right (and not for anything else)."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        # A HEAD has no body to say more.
        if error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException", "403"):
            return
        raise Trouble(f"{what}: found {error}, expected a denial") from None
    raise Trouble(f"{what}: was allowed, expected a denial")


def allowed(what, call, **arguments):
    """The counterpart: a denial proves nothing of keys that can't do anything."""
    try:
        return call(**arguments)
    except botocore.exceptions.ClientError as error:
        raise Trouble(f"{what}: found {error}, expected it to be allowed") from None


def key_of(table, value="deploy-test"):
    """A key that fits a table, as an item."""
    if table.startswith("camtrail_"):
        return {"part": {"S": value}, "item": {"S": value}}
    return {("camera_name" if "_alarm_" in table else "capture_date"): {"S": value}, "event_ts": {"N": "1"}}


CATALOG = ["security_alarm_videos", "security_video_timeline", "security_alarm_images", "security_image_timeline", "camtrail_meta"]


# ─── The deployment ─────────────────────────────────────────────────────────────────────────────────────────────────────


@check()
def the_template_deploys(world):
    """The shipped template becomes a stack, with the zips as its functions."""
    template = cloud.package(world.cloud, cloud.load_template(TEMPLATE), TEMPLATE.parent, world.zips)
    world.outputs, world.resources = cloud.deploy(
        world.cloud, template, STACK,
        {"BucketName": BUCKET, "TablePrefix": PREFIX, "TimeZone": "America/Los_Angeles", "AlarmEmail": "anna@example.org"},
    )
    for name, output in (("gateway.toml", "GatewayConfiguration"), ("admin.toml", "AdminConfiguration")):
        (world.scratch / name).write_text(world.outputs[output])


@check(the_template_deploys)
def the_bucket_is_closed(world):
    """The bucket came with its block on public access, encryption, no ACLs, its policy and its notifications."""
    store = world.root("s3")
    block = store.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    expect(len(block) == 4 and all(block.values()), f"public access is blocked only in part: {block}")
    rule = store.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"][0]
    expect(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256", f"found {rule}")
    owner = store.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"][0]["ObjectOwnership"]
    expect(owner == "BucketOwnerEnforced", f"found {owner}")
    expect("aws:SecureTransport" in store.get_bucket_policy(Bucket=BUCKET)["Policy"], "the policy doesn't ask for TLS")
    told = store.get_bucket_notification_configuration(Bucket=BUCKET)["LambdaFunctionConfigurations"]
    expect(len(told) == 6, f"{len(told)} notifications, expected 6")


@check(the_template_deploys)
def the_alarms_are_there(world):
    """All alarms exist and tell the topic, and the topic tells the address."""
    wanted = {name for name in world.resources if name.endswith("Alarm")}
    found = world.root("cloudwatch").describe_alarms()["MetricAlarms"]
    expect(len(found) == len(wanted) >= 9, f"{len(found)} alarms, expected {len(wanted)}")
    topic = world.outputs["AlarmTopicArn"]
    expect(all(alarm["AlarmActions"] == [topic] for alarm in found), "an alarm tells nobody")
    listeners = world.root("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    expect([listener["Endpoint"] for listener in listeners] == ["anna@example.org"], f"found {listeners}")


# ─── The whole way ──────────────────────────────────────────────────────────────────────────────────────────────────────


@check(the_template_deploys)
def a_gateway_starts_with_a_key_of_its_own(world):
    """The real gateway starts with the configuration that the stack gives out and a key of the stack's user."""
    key = world.root("iam").create_access_key(UserName=world.outputs["GatewayUserName"])["AccessKey"]
    world.gateway_keys = (key["AccessKeyId"], key["SecretAccessKey"], None)
    # The emulator takes a policy's NeverReplaceAClip and can't judge it.
    world.cloud.front.add_only[key["AccessKeyId"].lower()] = f"/{BUCKET}/patrolcams/"
    env = world.environment(world.gateway_keys) | {
        "CAMTRAIL_FTP_PASSWORD": world.passwords["ftp"],
        "CAMTRAIL__FTP__LISTEN": "127.0.0.1:0",
        "CAMTRAIL__FTP__PASSIVE_PORTS": "0",
    }
    data = world.scratch / "gateway"
    arguments = [world.program, "gateway", "--config", str(world.scratch / "gateway.toml"), "--data-dir", str(data)]
    world.gateway = cloud.Process("the gateway", arguments, world.scratch / "gateway.log", env)
    wait_for("the gateway's address", lambda: world.gateway.alive() and (data / "run" / "addresses.json").exists(), PROGRAM_SECONDS)


@check(the_template_deploys)
def a_user_is_added_from_the_admins_machine(world):
    """`camtrail user add`, with the admin's rights and the stack's configuration, makes somebody who can sign in."""
    password = world.passwords["user"]
    world.admin("user", "add", USER, stdin=f"{password}\n{password}\n".encode())
    expect(USER in world.admin("user", "list"), "the list doesn't show the user")
    # In the table, not in a database of the admin's machine.
    kept = world.root("dynamodb").scan(TableName=f"{PREFIX}camtrail_accounts")["Items"]
    expect(USER in json.dumps(kept), "the user isn't in camtrail_accounts")
    expect(password not in json.dumps(kept), "camtrail_accounts holds the password itself")


@check(a_user_is_added_from_the_admins_machine)
def strangers_are_refused(world):
    """Without a session the API gives nothing, and a wrong password gives no session."""
    status, _, _ = world.api("GET", "/api/v1/events", signed_in=False)
    expect(status == 401, f"GET /api/v1/events without a session gave {status}, expected 401")
    wrong = {"username": USER, "password": "not " + world.passwords["user"]}
    status, headers, _ = world.api("POST", "/api/v1/session", wrong, signed_in=False)
    expect(status == 401 and not headers.get_all("Set-Cookie"), f"a wrong password gave {status}, expected 401 and no cookie")


@check(a_user_is_added_from_the_admins_machine)
def the_user_signs_in(world):
    """A session's cookie comes through the HTTP API: HttpOnly, SameSite, and Secure because the address is https."""
    body = {"username": USER, "password": world.passwords["user"]}
    status, headers, answer = world.api("POST", "/api/v1/session", body, signed_in=False)
    expect(status in (200, 201, 204), f"POST /api/v1/session gave {status}: {answer}")
    cookies = headers.get_all("Set-Cookie") or []
    expect(len(cookies) == 1, f"{len(cookies)} cookies, expected one")
    for word in ("httponly", "samesite=lax", "secure"):
        expect(word in cookies[0].lower(), f"the cookie isn't {word}")
    world.cookie = cookies[0].split(";")[0]
    status, _, answer = world.api("GET", "/api/v1/session")
    expect(status == 200 and USER in json.dumps(answer), f"GET /api/v1/session gave {status}: {answer}")


@check(a_gateway_starts_with_a_key_of_its_own, the_user_signs_in)
def an_upload_becomes_an_event(world):
    """A real clip, uploaded by FTP, is listed by the API: gateway, bucket, notification, function, tables, API."""
    world.upload(CLIP, "backyard/2016-08-30/record/MDalarm_20160830_152954.mkv")
    event = world.event("backyard")
    sent = hashlib.sha256(CLIP.read_bytes()).hexdigest()
    expect(event["original_sha256"] == sent, f"original_sha256 is {event['original_sha256']}, the upload's is {sent}")
    expect(event["kind"] == "record" and event["capture_date"] == "2016-08-30", f"found {event['kind']} of {event['capture_date']}")
    world.clip = event


@check(an_upload_becomes_an_event)
def the_event_is_in_both_views_once(world):
    """Both tables have one row of it, with the article's attributes, and a time to expire that counts from storing."""
    expect(world.both_views(world.clip) == (1, 1), f"rows by camera and by day: {world.both_views(world.clip)}, expected one each")
    (row,) = world.rows("security_alarm_videos", "camera_name", "backyard")
    for name in ("camera_name", "video_size", "video_name", "capture_date", "capture_hour", "event_ts", "object_key"):
        expect(name in row, f"the row lacks {name}")
    left = int(row["expires_at"]["N"]) - time.time()
    expect(36 * 86400 < left < 38 * 86400, f"the row expires in {left / 86400:.1f} days, expected 37: a week behind the object")


@check(an_upload_becomes_an_event)
def the_same_notification_again_changes_nothing(world):
    """Delivered three times more, at once and in one event, it is still one row in each view (NEVER-4)."""
    record = {"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": cloud.REGION, "eventTime": "2026-01-01T00:00:00.000Z",
              "eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": BUCKET}, "object": {
                  "key": urllib.parse.quote_plus(world.clip["object_key"], safe="/"), "size": world.clip["size"]}}}
    answer = world.root("lambda").invoke(FunctionName=world.resources["ArrivalFunction"], Payload=json.dumps({"Records": [record] * 3}))
    expect("FunctionError" not in answer, f"the function failed: {answer['Payload'].read()[:500]}")
    expect(world.both_views(world.clip) == (1, 1), f"rows: {world.both_views(world.clip)}, expected one each")


@check(an_upload_becomes_an_event)
def the_signed_link_gives_the_bytes(world):
    """The clip's link is the bucket's own: whole it has the record's SHA-256, and a Range gets 206."""
    event = world.event("backyard")
    status, _, body = world.get(event["media_url"])
    expect(status == 200, f"the link gave {status}: {body[:300]}")
    found = hashlib.sha256(body).hexdigest()
    expect(found == event["sha256"], f"the bytes' SHA-256 is {found}, the record's is {event['sha256']}")
    expect(len(body) == event["size"], f"{len(body)} bytes, the record says {event['size']}")
    status, headers, part = world.get(event["media_url"], Range="bytes=1000-1999")
    expect(status == 206 and part == body[1000:2000], f"the Range gave {status} and {len(part)} bytes, expected 206 and 1000")
    expect(headers["Content-Range"] == f"bytes 1000-1999/{len(body)}", f"found Content-Range {headers['Content-Range']}")
    expect(BUCKET in event["media_url"], "the link isn't the bucket's")


@check(the_signed_link_gives_the_bytes)
def a_changed_link_opens_nothing(world):
    """A link holds for its one object: changed, or without its signature, it is refused."""
    link = world.event("backyard")["media_url"]
    parts = urllib.parse.urlsplit(link)
    still = f"{parts.scheme}://{parts.netloc}{parts.path}x?{parts.query}"
    for name, url in (("another key", still), ("no signature", link.split("?")[0])):
        status, _, _ = world.get(url)
        expect(status == 403, f"{name} gave {status}, expected 403")


@check(an_upload_becomes_an_event)
def the_poster_loads(world):
    """The poster comes after the record: media.json is told, the record is completed, the link gives a picture."""
    event = world.event("backyard", until=lambda event: event["poster_url"], what="its poster")
    status, _, body = world.get(event["poster_url"])
    expect(status == 200 and body[:2] == b"\xff\xd8", f"the poster's link gave {status} and {body[:20]!r}, expected a JPEG")


@check(an_upload_becomes_an_event)
def a_still_with_an_awkward_name_becomes_an_event(world):
    """A still whose name has spaces, '+' and '%' comes through notification and link unharmed (NEVER-13)."""
    world.upload(STILL, "front door/MDAlarm_20160830-155137 50% + (1).JPG")
    event = world.event("front door")
    status, _, body = world.get(event["media_url"])
    expect(event["kind"] == "snap" and status == 200, f"found {event['kind']}, and the link gave {status}")
    expect(body == STILL.read_bytes(), "the still's bytes are others than were sent")
    expect(world.both_views(event) == (1, 1), f"rows: {world.both_views(event)}, expected one each")


@check(an_upload_becomes_an_event)
def a_large_clip_goes_in_parts(world):
    """A file above 8 MiB goes in parts, with no right to list or read them, and is the bytes that were sent."""
    large = world.scratch / "MDalarm_20160830_160000.bin.mp4"
    # No container's: it is kept as it is, so that its size is what we say.
    large.write_bytes(secrets.token_bytes(20 * 1024 * 1024))
    world.upload(large, "warehouse/MDalarm_20160830_160000.mp4")
    event = world.event("warehouse")
    tag = world.root("s3").head_object(Bucket=BUCKET, Key=event["object_key"])["ETag"]
    expect(tag.strip('"').endswith("-3"), f"the object's ETag is {tag}, expected one of three parts")
    # The emulator keeps no tags of such an upload; what was asked for is what can be seen.
    (begun,) = [head for head in world.cloud.front.writes if "/warehouse/" in head and "?uploads" in head.splitlines()[0]]
    expect("x-amz-tagging: expire=yes" in begun, "the upload was begun without its tag: the clip would never expire")
    status, _, body = world.get(event["media_url"])
    expect(status == 200 and body == large.read_bytes(), f"the link gave {status} and other bytes than were sent")


@check(a_large_clip_goes_in_parts)
def every_clip_is_put_where_nothing_is(world):
    """Each request of the gateway that makes a clip says If-None-Match: on AWS its policy denies every other."""
    made = []
    for head in world.cloud.front.writes:
        line = head.splitlines()[0]
        mine = world.gateway_keys[0].lower() in head and f"/{BUCKET}/patrolcams/" in line
        # Beginning an upload in parts, and its parts, make no object.
        if mine and "?uploads" not in line and "partnumber=" not in line:
            made.append(line)
            expect("if-none-match: *" in head, f"without If-None-Match: {line}")
    expect(len(made) >= 2, f"only {len(made)} requests were seen: {made}")
    expect(any("uploadid=" in line for line in made), "no completion of an upload in parts was seen")


@check(the_poster_loads)
def what_is_protected_is_spared(world):
    """Protected through the API, clip and poster lose expire=yes and the rows their expiry; unprotected, it all comes back."""
    event = world.event("backyard")
    store, path = world.root("s3"), f"/api/v1/events/{urllib.parse.quote(event['id'], safe='')}"
    for protected in (True, False):
        status, _, answer = world.api("PATCH", path, {"protected": protected, "note": "the van" if protected else None})
        expect(status == 200 and answer["protected"] is protected, f"PATCH gave {status}: {answer}")
        # The API can't write events: the notification of state.json does.
        shown = world.event("backyard", until=lambda event: event["protected"] is protected, what=f"protected={protected}")
        expect(shown["note"] == ("the van" if protected else None), f"the note is {shown['note']!r}")
        (row,) = world.rows("security_alarm_videos", "camera_name", "backyard")
        expect(("expires_at" in row) is not protected, f"protected={protected}, and expires_at is {row.get('expires_at')}")
        for key in (event["object_key"], f"derived/{event['object_key']}/poster.jpg"):
            tags = store.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]
            expect(bool(tags) is not protected, f"protected={protected}, and {key} has the tags {tags}")


@check(an_upload_becomes_an_event)
def what_was_viewed_is_remembered(world):
    """A mark is the signed-in person's, kept in the accounts' table; groups of cameras as well."""
    path = f"/api/v1/events/{urllib.parse.quote(world.clip['id'], safe='')}/viewed"
    status, _, answer = world.api("PUT", path, {"viewed": True})
    expect(status == 204, f"PUT …/viewed gave {status}: {answer}")
    expect(world.event("backyard")["viewed"] is True, "the list doesn't say that it was viewed")
    groups = {"items": [{"name": "outside", "contains": ["yard"], "not_contains": [], "in": []}]}
    status, _, answer = world.api("PUT", "/api/v1/groups", groups)
    expect(status in (200, 204), f"PUT /groups gave {status}: {answer}")
    expect([event["camera_name"] for event in world.events(group="outside")] == ["backyard"], "the group isn't backyard alone")


@check(an_upload_becomes_an_event)
def a_cut_upload_gives_way_to_the_whole_one(world):
    """A camera is cut off and sends again: first there is an incomplete event, then the whole one alone, and the gateway,
    which can't delete, leaves the cut one's object to the lifecycle (NEVER-19)."""
    address = json.loads((world.scratch / "gateway" / "run" / "addresses.json").read_text())["ftp"]
    ftp = ftplib.FTP(timeout=20)
    ftp.connect("127.0.0.1", int(address.rsplit(":", 1)[1]))
    ftp.login("camera", world.passwords["ftp"])
    ftp.mkd("gate")
    data = ftp.transfercmd("STOR gate/MDalarm_20160830_152954.mkv")
    data.sendall(CLIP.read_bytes()[: CLIP.stat().st_size * 2 // 5])
    # Without QUIT: the control connection is gone before the data's end, as where a camera loses its power.
    ftp.close()
    data.close()
    cut = world.event("gate", what="the cut upload's event")
    expect(cut["complete"] is False, "the cut upload is shown as whole")
    world.upload(CLIP, "gate/MDalarm_20160830_152954.mkv")
    sent = hashlib.sha256(CLIP.read_bytes()).hexdigest()

    def alone():
        events = world.events(camera="gate")
        return len(events) == 1 and events[0]["complete"] and events[0]["original_sha256"] == sent and events[0]

    try:
        whole = wait_for("the whole upload's event, alone", alone, ARRIVAL_SECONDS, every=0.5)
    except Trouble as trouble:
        seen = [(event["name"], event["complete"], event["original_sha256"][:8]) for event in world.events(camera="gate")]
        raise Trouble(f"{trouble}; there are {seen}") from None
    expect(world.both_views(whole) == (1, 1), f"rows: {world.both_views(whole)}, expected one each")
    world.gateway.alive()
    # A rebuild must not bring it back.
    world.admin("rebuild")
    expect(alone(), f"after a rebuild there are {world.events(camera='gate')}")


@check(the_poster_loads)
def everything_stored_is_tagged_to_expire(world):
    """Clip, still, posters and manifests carry expire=yes, which the lifecycle rules go by (NEVER-17)."""
    store = world.root("s3")
    keys = [entry["Key"] for page in store.get_paginator("list_objects_v2").paginate(Bucket=BUCKET) for entry in page.get("Contents", [])]
    expect(any(key.startswith("derived/") for key in keys), f"nothing derived among {keys}")
    for key in keys:
        if store.head_object(Bucket=BUCKET, Key=key)["ETag"].strip('"').partition("-")[2]:
            # Went in parts: a_large_clip_goes_in_parts looks at its tag.
            continue
        tags = store.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]
        expect(tags == [{"Key": "expire", "Value": "yes"}], f"{key} has the tags {tags}")


@check(an_upload_becomes_an_event)
def the_scheduled_function_prints_its_figures(world):
    """Run once, it prints SilentCameras and SecondsSinceLastArrival in CloudWatch's embedded metric format."""
    answer = world.root("lambda").invoke(FunctionName=world.resources["ScheduledFunction"], Payload=json.dumps(
        {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "resources": []}))
    expect("FunctionError" not in answer, f"the function failed: {answer['Payload'].read()[:500]}")

    def figures():
        found = {}
        for line in world.logged("camtrail_scheduled").splitlines():
            try:
                line = json.loads(line)
            except ValueError:
                continue
            for directive in isinstance(line, dict) and line.get("_aws", {}).get("CloudWatchMetrics") or []:
                if directive["Namespace"] == "Camtrail":
                    found |= {metric["Name"]: line[metric["Name"]] for metric in directive["Metrics"]}
        return found if {"SilentCameras", "SecondsSinceLastArrival"} <= set(found) else None

    try:
        found = wait_for("both figures in its log", figures, 20)
    except Trouble as trouble:
        raise Trouble(f"{trouble}\nits log:\n{world.logged('camtrail_scheduled', 12)}") from None
    expect(0 <= found["SecondsSinceLastArrival"] < 600, f"SecondsSinceLastArrival is {found['SecondsSinceLastArrival']}")


# ─── What must be denied (NEVER-32) ─────────────────────────────────────────────────────────────────────────────────────


@check(a_gateway_starts_with_a_key_of_its_own)
def the_gateway_can_only_add(world):
    """The gateway's key adds under both prefixes; it can't read, list, delete, tag away, or write elsewhere."""
    gateway, store = world.of_gateway(), world.root("s3")
    mine = f"patrolcams/gateway/{secrets.token_hex(4)}.txt"
    allowed("PutObject", gateway.put_object, Bucket=BUCKET, Key=mine, Body=b"x", Tagging="expire=yes", IfNoneMatch="*")
    allowed("PutObject below derived/", gateway.put_object, Bucket=BUCKET, Key=f"derived/{mine}/x", Body=b"x", Tagging="expire=yes")
    upload = allowed("CreateMultipartUpload", gateway.create_multipart_upload, Bucket=BUCKET, Key=mine + "2")["UploadId"]
    denied("ListParts", gateway.list_parts, Bucket=BUCKET, Key=mine + "2", UploadId=upload)
    allowed("AbortMultipartUpload", gateway.abort_multipart_upload, Bucket=BUCKET, Key=mine + "2", UploadId=upload)
    try:
        denied("GetObject", gateway.get_object, Bucket=BUCKET, Key=mine)
        denied("HeadObject", gateway.head_object, Bucket=BUCKET, Key=mine)
        denied("ListBucket", gateway.list_objects_v2, Bucket=BUCKET)
        denied("ListBucket below the base", gateway.list_objects_v2, Bucket=BUCKET, Prefix="patrolcams/")
        denied("DeleteObject", gateway.delete_object, Bucket=BUCKET, Key=mine)
        denied("PutObject in a clip's place", gateway.put_object, Bucket=BUCKET, Key=mine, Body=b"y", Tagging="expire=yes")
        denied("DeleteObjectTagging", gateway.delete_object_tagging, Bucket=BUCKET, Key=mine)
        state = f"derived/{mine}/state.json"
        denied("PutObject of a decision", gateway.put_object, Bucket=BUCKET, Key=state, Body=b"{}", Tagging="expire=yes")
        denied("PutObject outside", gateway.put_object, Bucket=BUCKET, Key="elsewhere/x", Body=b"x")
        denied("PutObject in the root", gateway.put_object, Bucket=BUCKET, Key="x", Body=b"x")
        denied("PutObject beside the base", gateway.put_object, Bucket=BUCKET, Key="patrolcamsx/x", Body=b"x")
        denied("PutBucketPolicy", gateway.put_bucket_policy, Bucket=BUCKET, Policy='{"Version": "2012-10-17", "Statement": []}')
        tables = world.cloud.client("dynamodb", world.gateway_keys)
        denied("PutItem", tables.put_item, TableName=f"{PREFIX}security_alarm_videos", Item=key_of("security_alarm_videos"))
        denied("Query", tables.get_item, TableName=f"{PREFIX}camtrail_accounts", Key=key_of("camtrail_accounts"))
    finally:
        for key in (mine, f"derived/{mine}/x"):
            store.delete_object(Bucket=BUCKET, Key=key)


@check(a_gateway_starts_with_a_key_of_its_own)
def nothing_passes_without_tls(world):
    """The gateway's own key, which may add, may not over a connection in the clear."""
    plain = world.of_gateway(tls=False)
    denied("PutObject without TLS", plain.put_object, Bucket=BUCKET, Key="patrolcams/plain/x", Body=b"x", IfNoneMatch="*")


@check(the_template_deploys)
def the_arrival_role_can_do_its_work_only(world):
    """It looks at objects and writes the catalog; it can't scan, write or delete objects, or touch accounts."""
    tables, store = world.of_role("ArrivalRole", "dynamodb"), world.of_role("ArrivalRole", "s3")
    for table in CATALOG:
        name, item = f"{PREFIX}{table}", key_of(table)
        allowed(f"PutItem into {table}", tables.put_item, TableName=name, Item=item)
        allowed(f"a transaction on {table}", tables.transact_write_items, TransactItems=[{"Put": {"TableName": name, "Item": item}}])
        allowed(f"DeleteItem from {table}", tables.delete_item, TableName=name, Key=item)
        denied(f"Scan of {table}", tables.scan, TableName=name)
        denied(f"DeleteTable of {table}", tables.delete_table, TableName=name)
    accounts = f"{PREFIX}camtrail_accounts"
    denied("GetItem from accounts", tables.get_item, TableName=accounts, Key=key_of("camtrail_accounts"))
    denied("PutItem into accounts", tables.put_item, TableName=accounts, Item=key_of("camtrail_accounts"))
    denied("a transaction on accounts", tables.transact_write_items,
           TransactItems=[{"Put": {"TableName": accounts, "Item": key_of("camtrail_accounts")}}])
    denied("another table", tables.get_item, TableName="another_table", Key=key_of("camtrail_meta"))
    for key in ("patrolcams/x", "derived/patrolcams/x/media.json"):
        denied(f"PutObject {key}", store.put_object, Bucket=BUCKET, Key=key, Body=b"x")
        denied(f"DeleteObject {key}", store.delete_object, Bucket=BUCKET, Key=key)
        tags = {"TagSet": [{"Key": "expire", "Value": "yes"}]}
        denied(f"PutObjectTagging {key}", store.put_object_tagging, Bucket=BUCKET, Key=key, Tagging=tags)
    denied("GetObject outside", store.get_object, Bucket=BUCKET, Key="elsewhere/x")
    denied("GetObject of another bucket", store.get_object, Bucket="deploy-artifacts", Key="camtrail_api.zip")
    try:
        store.head_object(Bucket=BUCKET, Key="patrolcams/nothing-is-here")
    except botocore.exceptions.ClientError as error:
        expect(error.response["Error"]["Code"] == "404", f"a missing key gave {error}, expected 404")


@check(the_template_deploys)
def the_api_role_can_not_write_events(world):
    """It reads the catalog and keeps accounts and decisions; it can't store a clip or write, change or remove an event."""
    tables, store = world.of_role("ApiRole", "dynamodb"), world.of_role("ApiRole", "s3")
    for table in CATALOG:
        name, item = f"{PREFIX}{table}", key_of(table)
        allowed(f"GetItem from {table}", tables.get_item, TableName=name, Key=item)
        denied(f"PutItem into {table}", tables.put_item, TableName=name, Item=item)
        denied(f"DeleteItem from {table}", tables.delete_item, TableName=name, Key=item)
        denied(f"UpdateItem of {table}", tables.update_item, TableName=name, Key=item)
        denied(f"a transaction on {table}", tables.transact_write_items, TransactItems=[{"Put": {"TableName": name, "Item": item}}])
        denied(f"Scan of {table}", tables.scan, TableName=name)
    accounts, item = f"{PREFIX}camtrail_accounts", key_of("camtrail_accounts")
    allowed("PutItem into accounts", tables.put_item, TableName=accounts, Item=item)
    allowed("DeleteItem from accounts", tables.delete_item, TableName=accounts, Key=item)
    denied("Scan of accounts", tables.scan, TableName=accounts)
    state = "derived/patrolcams/deploy-test/state.json"
    allowed("PutObject of state.json", store.put_object, Bucket=BUCKET, Key=state, Body=b"{}", Tagging="expire=yes")
    allowed("DeleteObjectTagging", store.delete_object_tagging, Bucket=BUCKET, Key=state)
    denied("PutObject of a clip", store.put_object, Bucket=BUCKET, Key="patrolcams/backyard/x.mp4", Body=b"x")
    denied("PutObject of a manifest", store.put_object, Bucket=BUCKET, Key="derived/patrolcams/x/media.json", Body=b"{}")
    denied("DeleteObject of a clip", store.delete_object, Bucket=BUCKET, Key="patrolcams/backyard/x.mp4")
    denied("DeleteObject of state.json", store.delete_object, Bucket=BUCKET, Key=state)
    denied("SendMessage", world.of_role("ApiRole", "sqs").send_message, QueueUrl=world.outputs["DeadLetterQueueUrl"], MessageBody="x")
    world.root("s3").delete_object(Bucket=BUCKET, Key=state)


@check(the_template_deploys)
def the_scheduled_role_can_only_tidy(world):
    """It reads the catalog and tidies camtrail_meta; events, accounts and objects are none of its business."""
    tables, store = world.of_role("ScheduledRole", "dynamodb"), world.of_role("ScheduledRole", "s3")
    meta = key_of("camtrail_meta")
    allowed("PutItem into camtrail_meta", tables.put_item, TableName=f"{PREFIX}camtrail_meta", Item=meta)
    allowed("DeleteItem from camtrail_meta", tables.delete_item, TableName=f"{PREFIX}camtrail_meta", Key=meta)
    for table in CATALOG[:-1]:
        allowed(f"GetItem from {table}", tables.get_item, TableName=f"{PREFIX}{table}", Key=key_of(table))
        denied(f"PutItem into {table}", tables.put_item, TableName=f"{PREFIX}{table}", Item=key_of(table))
        denied(f"DeleteItem from {table}", tables.delete_item, TableName=f"{PREFIX}{table}", Key=key_of(table))
    for table in (*CATALOG, "camtrail_accounts"):
        denied(f"Scan of {table}", tables.scan, TableName=f"{PREFIX}{table}")
    denied("GetItem from accounts", tables.get_item, TableName=f"{PREFIX}camtrail_accounts", Key=key_of("camtrail_accounts"))
    denied("GetObject", store.get_object, Bucket=BUCKET, Key="patrolcams/x")
    denied("PutObject", store.put_object, Bucket=BUCKET, Key="patrolcams/x", Body=b"x")
    denied("ListBucket", store.list_objects_v2, Bucket=BUCKET)


@check(an_upload_becomes_an_event)
def strangers_get_no_object(world):
    """A clip's address without a signature, and the bucket's list, are refused to anonymous callers."""
    for path in (f"/{BUCKET}/{urllib.parse.quote(world.clip['object_key'])}", f"/{BUCKET}?list-type=2"):
        status, _, _ = world.get(f"{world.cloud.url}{path}")
        expect(status == 403, f"GET {path} without a signature gave {status}, expected 403")


# ─── Trouble, and the end ───────────────────────────────────────────────────────────────────────────────────────────────


@check(an_upload_becomes_an_event)
def what_can_not_be_recorded_is_kept_and_comes_back(world):
    """Without its right to the tables the function fails thrice, the event waits as a dead letter, and can be redriven.

    This also shows that the function runs with its role's rights and no others.
    """
    role = world.resources["ArrivalRole"]
    statement = {"Effect": "Deny", "Action": "dynamodb:*", "Resource": "*"}
    world.root("iam").put_role_policy(RoleName=role, PolicyName="trouble", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [statement]}))
    try:
        world.upload(STILL, "shed/MDAlarm_20160830-155138.jpg")
        letter = wait_for("the dead letter", world.dead_letter, DEAD_LETTER_SECONDS, every=0.5)
    finally:
        world.root("iam").delete_role_policy(RoleName=role, PolicyName="trouble")
    expect(letter["requestContext"]["condition"] == "RetriesExhausted", f"found {letter['requestContext']}")
    expect(letter["requestContext"]["approximateInvokeCount"] == 3, f"found {letter['requestContext']}")
    letters = [letter]
    expect(not world.events(camera="shed"), "the event is listed although the tables were out of reach")
    # The still's manifest may have failed beside it.
    while (more := world.dead_letter()) is not None:
        letters.append(more)
    for number, letter in enumerate(letters):
        (world.scratch / f"letter-{number}.json").write_text(json.dumps(letter["requestPayload"]))
        world.admin("invoke", "--event", str(world.scratch / f"letter-{number}.json"))
    world.event("shed", what="its event, after the dead letter was redriven")


@check(a_still_with_an_awkward_name_becomes_an_event)
def what_is_deleted_goes_from_the_list(world):
    """Deleting the object, as an admin does, removes the event from both views and from the API (NEVER-17)."""
    event = world.event("front door")
    world.root("s3").delete_object(Bucket=BUCKET, Key=event["object_key"])
    wait_for("the event to go", lambda: not world.events(camera="front door"), ARRIVAL_SECONDS, every=0.5)
    expect(world.both_views(event) == (0, 0), f"rows: {world.both_views(event)}, expected none")
    status, _, _ = world.api("GET", f"/api/v1/events/{urllib.parse.quote(event['id'], safe='')}")
    expect(status == 404, f"GET of the event gave {status}, expected 404")


@check(an_upload_becomes_an_event)
def a_table_that_is_gone_loses_nothing(world):
    """Without its table the function fails and the event waits as a dead letter."""
    world.root("dynamodb").delete_table(TableName=f"{PREFIX}security_alarm_images")
    world.upload(STILL, "attic/MDAlarm_20160830-155139.jpg")
    letter = wait_for("the dead letter", world.dead_letter, DEAD_LETTER_SECONDS, every=0.5)
    expect("attic" in json.dumps(letter["requestPayload"]), f"the dead letter is another: {json.dumps(letter)[:500]}")
    found = world.rows("security_image_timeline", "capture_date", "2016-08-30")
    expect(not any("attic" in row["object_key"]["S"] for row in found), "one view has the event that the other lacks (NEVER-3)")


@check(the_user_signs_in)
def signing_out_ends_the_session(world):
    """After DELETE /session the cookie, sent again, opens nothing (NEVER-30)."""
    status, _, answer = world.api("DELETE", "/api/v1/session")
    expect(status in (200, 204), f"DELETE /api/v1/session gave {status}: {answer}")
    status, _, _ = world.api("GET", "/api/v1/events")
    expect(status == 401, f"the old cookie gave {status}, expected 401")


@check(an_upload_becomes_an_event)
def no_secret_is_in_the_logs(world):
    """Passwords, session, keys and links' signatures are in no log of functions or gateway (NEVER-29)."""
    logs = {name: world.logged(name) for name in ("security_cam_video_added", "camtrail_api", "camtrail_scheduled")}
    logs["gateway"] = pathlib.Path(world.gateway.log).read_text(errors="replace")
    secret = {**world.passwords, "session": world.cookie.split("=", 1)[1], "key": world.gateway_keys[1], "signature": "X-Amz-Signature="}
    for where, text in logs.items():
        expect(text.strip(), f"the log of {where} is empty: nothing was shown")
        for what, value in secret.items():
            expect(value not in text, f"the log of {where} holds the {what}")


@check(the_template_deploys)
def what_is_evidence_outlives_the_stack(world):
    """Deleting the stack removes functions and rights; bucket and tables stay, with what is in them."""
    stacks = world.root("cloudformation")
    before = world.root("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"]
    # A user that has a key can't be deleted; the key isn't the stack's.
    user = world.outputs["GatewayUserName"]
    for key in world.root("iam").list_access_keys(UserName=user)["AccessKeyMetadata"]:
        world.root("iam").delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    stacks.delete_stack(StackName=STACK)

    def gone():
        try:
            status = stacks.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]
        except botocore.exceptions.ClientError:
            return True
        if status == "DELETE_FAILED":
            events = stacks.describe_stack_events(StackName=STACK)["StackEvents"]
            why = [f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason')}" for e in events if "FAILED" in e["ResourceStatus"]]
            raise Trouble("the stack can't be deleted:\n" + "\n".join(why))
        return status == "DELETE_COMPLETE"

    wait_for("the stack's end", gone, cloud.STACK_SECONDS)
    expect(world.root("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == before, "objects are gone")
    tables = world.root("dynamodb").list_tables()["TableNames"]
    for table in ("security_alarm_videos", "security_video_timeline", "camtrail_meta", "camtrail_accounts"):
        expect(f"{PREFIX}{table}" in tables, f"the table {table} is gone")
    functions = [function["FunctionName"] for function in world.root("lambda").list_functions()["Functions"]]
    expect(not functions, f"still there: {functions}")


# ─── Running them ───────────────────────────────────────────────────────────────────────────────────────────────────────


def run(world, only):
    """Runs the checks in order; gives the names of those that didn't pass."""
    passed, failed = set(), []
    for function, needs in CHECKS:
        name = function.__name__
        if only and name not in only:
            continue
        missing = [need for need in needs if need not in passed]
        began = time.monotonic()
        if missing:
            print(f"skip          {name}: needs {', '.join(missing)}", flush=True)
            failed.append(name)
            continue
        try:
            function(world)
        except (Trouble, subprocess.TimeoutExpired) as trouble:
            why = str(trouble)
        except Exception:  # noqa: BLE001: whatever it is, the others shall run
            why = traceback.format_exc()
        else:
            why = None
        took = time.monotonic() - began
        if why is None:
            passed.add(name)
            print(f"ok   {took:6.1f} s {name}", flush=True)
        else:
            failed.append(name)
            print(f"FAIL {took:6.1f} s {name}\n  what it shows: {function.__doc__.splitlines()[0]}", flush=True)
            print("  " + why.replace("\n", "\n  "), flush=True)
    return passed, failed


def wanted(names):
    """The checks that were asked for, and all that they need. None: all."""
    needs = {function.__name__: need for function, need in CHECKS}
    unknown = [name for name in names if name not in needs]
    if unknown:
        sys.exit(f"deploy-test: no check is named {unknown[0]}; --list shows all")
    found = set()
    while names:
        name = names.pop()
        found.add(name)
        names += [need for need in needs[name] if need not in found]
    return found


def stay(world):
    """Leaves it running for a browser, until Ctrl-C."""
    address = world.cloud.api_url(world.outputs["ApiId"])
    print(f"\nopen {address} and sign in as {USER} with {world.passwords['user']}; Ctrl-C ends it", flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        pass


def main(arguments):
    if "--list" in arguments:
        for function, _ in CHECKS:
            print(f"{function.__name__}\n    {function.__doc__.splitlines()[0]}")
        return 0
    stays = "--stay" in arguments
    only = wanted([name for name in arguments if name != "--stay"])
    given = os.environ.get("CAMTRAIL_BIN")
    programs = [given] if given else [ROOT / "target" / kind / "camtrail" for kind in ("release", "debug")]
    program = next((str(pathlib.Path(path).resolve()) for path in programs if pathlib.Path(path).is_file()), None)
    if program is None:
        print(f"deploy-test: {programs[0]} is missing: make build, or CAMTRAIL_BIN", file=sys.stderr)
        return 1
    began = time.monotonic()
    # SIGTERM ends what was started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    scratch = tempfile.mkdtemp(prefix="camtrail-deploy-")
    world = World(scratch, program, os.environ.get("LAMBDA_ZIPS"))
    failed = ["everything"]
    try:
        world.cloud = cloud.Cloud(scratch)
        passed, failed = run(world, only)
        print(f"\n{len(passed)} passed, {len(failed)} failed, in {time.monotonic() - began:.0f} s")
        if stays and not failed:
            stay(world)
    except Trouble as trouble:
        print(f"deploy-test: {trouble}", file=sys.stderr)
    finally:
        world.end()
        if os.environ.get("KEEP"):
            print(f"kept: {scratch}")
        else:
            cloud.remove_scratch(scratch)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
