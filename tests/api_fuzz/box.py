"""One running `camtrail serve` with cameras, events, people, groups, tokens and shares, for whoever fuzzes its API.

Nothing but the standard library, and nothing but loopback. It signs in from an address of its own (127.0.0.2), that no
wrong password comes from.
"""

import ftplib
import http.client
import io
import json
import os
import pathlib
import subprocess
import time

ADMIN_PASSWORD = "admin-pass-1"
VIEWER_PASSWORD = "a fine password"
FTP_PASSWORD = "ftp-pass-1"
SAMPLES = pathlib.Path(__file__).parents[1] / "data"
STILL = SAMPLES / "MDAlarm_20160830-155137.jpg"
CLIP = SAMPLES / "MDalarm_20160830_152954.mkv"
CAMERAS = ["backyard", "gate", "Tür 2"]
START_S = 60
SETTLE_S = 120

CONFIGURATION = """
time_zone = "America/Los_Angeles"
[http]
listen = "127.0.0.1:0"
# A stream without an end says nothing that a fuzzer could judge; streams are tested in tests/it/streams.rs.
live = "poll"
# Each of the fuzzer's requests says that it comes from somewhere else: whoever guesses tokens slows down, by address.
trusted_proxies = ["127.0.0.1"]
[ftp]
listen = "127.0.0.1:0"
passive_ports = "0"
[arrival]
token_file = "arrival.token"
[notify]
push_to_loopback = true
[[notify.channel]]
name = "browsers"
kind = "web_push"
contact = "mailto:nobody@example.org"
[[notify.channel]]
name = "house"
kind = "webhook"
url = "http://127.0.0.1:9/"
secret_file = "webhook.secret"
"""


class Box:
    """A started program in `scratch`; `stop` ends it."""

    def __init__(self, binary, scratch):
        self.binary, self.scratch = binary, pathlib.Path(scratch)
        self.data = self.scratch / "data"
        self.env = {
            name: value for name, value in os.environ.items()
            if not name.startswith(("CAMTRAIL", "AWS_")) and not name.lower().endswith("_proxy") and name != "RUST_LOG"
        }
        self.env |= {"CAMTRAIL_ADMIN_PASSWORD": ADMIN_PASSWORD, "CAMTRAIL_FTP_PASSWORD": FTP_PASSWORD}
        (self.scratch / "camtrail.toml").write_text(CONFIGURATION)
        (self.scratch / "arrival.token").write_text("a" * 64)
        (self.scratch / "webhook.secret").write_text("whsec_" + "QUJD" * 8)
        for name in ["arrival.token", "webhook.secret"]:
            (self.scratch / name).chmod(0o600)
        self.log = open(self.scratch / "log", "wb")
        self.child = subprocess.Popen(
            [binary, "serve", "--config", "camtrail.toml", "--data-dir", self.data],
            cwd=self.scratch, env=self.env, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        addresses = self._until("the program is ready", START_S, self._addresses)
        self.http = addresses["http"]
        self.ftp = addresses["ftp"]
        self.cookie = self.sign_in("admin", ADMIN_PASSWORD)

    def _addresses(self):
        if self.child.poll() is not None:
            raise SystemExit(f"the program ended at its start:\n{self.said()}")
        try:
            return json.loads((self.data / "run/addresses.json").read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None

    @staticmethod
    def _until(what, seconds, probe):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if (found := probe()) is not None:
                return found
            time.sleep(0.05)
        raise SystemExit(f"waited {seconds} s in vain: {what}")

    def said(self):
        return (self.scratch / "log").read_text(errors="replace")

    def lives(self):
        return self.child.poll() is None

    def stop(self):
        self.child.terminate()
        self.child.wait(30)

    def command(self, *words, typed=""):
        done = subprocess.run(
            [self.binary, *words, "--config", "camtrail.toml", "--data-dir", self.data], cwd=self.scratch, env=self.env,
            input=typed, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise SystemExit(f"camtrail {' '.join(words)}: {done.stderr}")
        return done.stdout

    def call(self, method, path, body=None, cookie=None, want=(200, 201, 204)):
        return call(self.http, method, path, body, cookie or self.cookie, want)[0]

    def sign_in(self, name, password):
        return sign_in(self.http, name, password)

    def token(self, scopes):
        made = self.call("POST", "/api/v1/tokens", {"name": "fuzz", "scopes": scopes})
        return made["token"]

    def requests(self):
        """How many requests it has answered, by its own count: {status: requests}."""
        connection = http.client.HTTPConnection(self.http, timeout=30)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        counts = {}
        for line in text.splitlines():
            if line.startswith("camtrail_http_request_duration_seconds_count{"):
                labels, count = line.rsplit(" ", 1)
                status = labels.split('status="')[1].split('"')[0]
                counts[status] = counts.get(status, 0) + int(float(count))
        return counts

    def seed(self):
        """Cameras with stills and clips, people, a group, tokens and shares; what a fuzzer should know of them."""
        host, port = self.ftp.rsplit(":", 1)
        ftp = ftplib.FTP(timeout=30, encoding="utf-8")
        ftp.connect(host, int(port))
        ftp.login("camera", FTP_PASSWORD)
        still = STILL.read_bytes()
        for camera in CAMERAS:
            for folder in [camera, f"{camera}/snap", f"{camera}/record"]:
                ftp.mkd(f"/{folder}")
            for number in range(8):
                # What stands behind a picture's end is no part of it: other bytes, the same picture.
                ftp.storbinary(
                    f"STOR /{camera}/snap/MDAlarm_20160830-1551{number:02}.jpg", io.BytesIO(still + bytes([number])))
        ftp.storbinary("STOR /backyard/record/MDalarm_20160830_152954.mkv", io.BytesIO(CLIP.read_bytes()))
        ftp.quit()
        self._until("all uploads are stored", SETTLE_S, lambda: (
            self.call("GET", "/api/v1/status")["spool"]["entries"] == 0 or None))
        page = self.call("GET", "/api/v1/events?limit=10")
        events = [event["id"] for event in page["items"]]
        incidents = self.call("GET", "/api/v1/incidents")["items"]
        self.call("PUT", "/api/v1/groups", {"items": [{"name": "outside", "in": ["backyard", "gate"]}]})
        viewers = ["vera", "bob", "carol"]
        for name in viewers:
            self.call("POST", "/api/v1/users", {
                "name": name, "password": VIEWER_PASSWORD, "role": "viewer", "cameras": ["gate"]})
        shares = [self.call("POST", "/api/v1/shares", {"event_id": id, "expires_in_s": 3600}) for id in events[:3]]
        tokens = [self.call("POST", "/api/v1/tokens", {"name": f"t{n}", "scopes": ["read"]}) for n in range(3)]
        camera_token = self.command("camera", "token", "backyard").split()
        return {
            "event": events,
            "incident": [incident["id"] for incident in incidents],
            "cursor": [page["next_cursor"]],
            "camera": CAMERAS,
            # Not admin: whoever may disable others would be without an account.
            "user": viewers,
            "share": [share["id"] for share in shares],
            "share_token": [share["url"].rsplit("/", 1)[1] for share in shares],
            "token": [token["id"] for token in tokens],
            "camera_token": next((word for word in camera_token if len(word) > 30), camera_token[-1]),
        }


def call(address, method, path, body=None, cookie=None, want=(200, 201, 204)):
    """A call from another address than the fuzzer's; what was answered, and the cookie that came with it."""
    connection = http.client.HTTPConnection(address, timeout=60, source_address=("127.0.0.2", 0))
    headers = {"content-type": "application/json"} if body is not None else {}
    if cookie:
        headers["cookie"] = cookie
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    if answer.status not in want:
        raise SystemExit(f"{method} {path}: {answer.status} {data.decode(errors='replace')}")
    given = (answer.getheader("set-cookie") or "").split(";")[0]
    return (json.loads(data) if data else None), given


def sign_in(address, name, password):
    return call(address, "POST", "/api/v1/session", {"username": name, "password": password})[1]
