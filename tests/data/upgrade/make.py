#!/usr/bin/env python3
"""Makes a data dir by a given build of Camtrail, and keeps it as text: make.py CAMTRAIL FOLDER [people].

For tests/it/upgrade.rs: run once with a build, and never again for the same folder. The databases are written as SQL;
expected.json holds what that build's API said. With `people`, what newer builds know is in it, too: protection, notes,
viewed marks, groups, tokens. Needs ffmpeg, and Python's standard library.
"""
import atexit, ftplib, hashlib, http.cookiejar, io, json, os, pathlib, shutil, signal, socket, sqlite3, subprocess, sys
import tempfile, time, urllib.request

ADMIN, CAMERA = "admin-pass-1", "ftp-pass-1"  # as tests/it/support has them
KEPT = ("id", "kind", "camera_name", "event_ts", "captured_at", "capture_date", "capture_hour", "name", "size",
        "content_type", "complete", "object_key", "received_at", "stored_at", "sha256", "original_sha256")


def picture(colour):
    made = subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"color=c={colour}:s=64x48", "-frames:v", "1",
                           "-f", "mjpeg", "-"], check=True, stdout=subprocess.PIPE)
    return made.stdout


def clip():
    with tempfile.TemporaryDirectory() as scratch:
        path = f"{scratch}/clip.mp4"
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=64x48:r=5:d=2", "-pix_fmt", "yuv420p",
                        "-movflags", "+faststart", path], check=True)
        return pathlib.Path(path).read_bytes()


def wait(what, probe):
    for _ in range(1200):
        found = probe()
        if found:
            return found
        time.sleep(0.05)
    sys.exit(f"waited in vain: {what}")


class Box:
    def __init__(self, program, data_dir):
        self.program, self.dir = program, data_dir
        env = {"CAMTRAIL_ADMIN_PASSWORD": ADMIN, "CAMTRAIL_FTP_PASSWORD": CAMERA, "PATH": os.environ["PATH"],
               "CAMTRAIL__TIME_ZONE": "America/Los_Angeles", "CAMTRAIL__HTTP__LISTEN": "127.0.0.1:0",
               "CAMTRAIL__FTP__LISTEN": "127.0.0.1:0", "CAMTRAIL__FTP__PASSIVE_PORTS": "0"}
        self.env = env

    def start(self):
        self.child = subprocess.Popen([self.program, "serve", "--data-dir", self.dir], env=self.env)
        ready = self.dir / "run/addresses.json"
        self.at = json.loads(wait("ready", lambda: ready.exists() and ready.read_text()))
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.web = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)
        self.ask("POST", "session", {"username": "admin", "password": ADMIN})

    def ask(self, method, path, body=None):
        url = f"http://{self.at['http']}/api/v1/{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"content-type": "application/json"}, method=method)
        with self.web.open(request) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def run(self, *arguments, stdin=None):
        command = [self.program, *arguments, "--data-dir", self.dir]
        return subprocess.run(command, env=self.env, input=stdin, check=True, stdout=subprocess.PIPE).stdout.decode()

    def camera(self):
        host, port = self.at["ftp"].split(":")
        ftp = ftplib.FTP(timeout=30)
        ftp.connect(host, int(port))
        ftp.login("camera", CAMERA)
        return ftp

    def upload(self, path, content):
        folder, _, name = path.rpartition("/")
        ftp = self.camera()
        for part in folder.split("/"):
            try:
                ftp.cwd(part)
            except ftplib.error_perm:
                ftp.mkd(part)
                ftp.cwd(part)
        ftp.storbinary(f"STOR {name}", io.BytesIO(content))
        ftp.quit()

    def events(self):
        return self.ask("GET", "events?limit=500")["items"]

    def kill(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()


def digest(content):
    return hashlib.sha256(content).hexdigest()


def main():
    program, target = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
    people = "people" in sys.argv[3:]
    target.mkdir()
    data_dir = pathlib.Path(tempfile.mkdtemp()) / "data"
    box = Box(program, data_dir)
    atexit.register(lambda: box.child.poll() is None and box.child.kill())
    box.start()
    expected = {"made_by": box.run("user", "list") and subprocess.check_output([program, "--version"]).decode().strip()}
    stored = {
        "backyard/snap/MDAlarm_20260815-101112.jpg": picture("red"),
        "backyard/snap/MDAlarm_20260815-101113.jpg": picture("green"),
        "backyard/record/MDalarm_20260815_101110.mp4": clip(),
        "gate/ü & 50%+1.jpg": picture("blue"),
        "gate/snap/cut_20260816-091011.jpg": picture("yellow")[:-40],
    }
    for path, content in stored.items():
        box.upload(path, content)
    box.upload("gate/test.txt", b"camera test\n")
    wait("all are stored", lambda: len(box.events()) == len(stored)
         and not any(data_dir.glob("spool/*.json")) and all(event["poster_url"] for event in box.events()
                                                            if event["complete"]))
    box.run("user", "add", "anna", "--viewer", stdin=b"anna-pass-1\n")
    box.run("camera", "add", "gate")
    if people:
        newest = box.events()
        first, second = newest[0]["id"], newest[1]["id"]
        box.ask("PATCH", f"events/{first}", {"protected": True, "note": "the fox"})
        box.ask("PUT", f"events/{second}/viewed", {"viewed": True})
        box.ask("PUT", "groups", {"items": [{"name": "Front", "contains": ["gate"]}]})
        made = box.ask("POST", "tokens", {"name": "kept", "scopes": ["read"]})
        expected["token"] = made["token"]
        box.run("user", "add", "bert", "--cameras", "gate", stdin=b"bert-pass-1\n")
        expected.update(protected=first, note="the fox", viewed=second, group="Front")
    expected["events"] = [{key: event[key] for key in KEPT} for event in box.events()]
    expected["cameras"] = sorted(camera["name"] for camera in box.ask("GET", "cameras")["items"])
    # Where the store can't be reached, uploads wait in the spool.
    (data_dir / "store").rename(data_dir / "store.away")
    (data_dir / "store").write_text("in the way")
    waiting = {"backyard/snap/MDAlarm_20260817-120000.jpg": picture("white"),
               "gate/snap/MDAlarm_20260817-120001.jpg": picture("black")}
    for path, content in waiting.items():
        box.upload(path, content)
    # And one is under way when the power goes.
    ftp = box.camera()
    ftp.cwd("backyard")
    line = ftp.transfercmd("STOR MDAlarm_20260817-120002.jpg")
    line.sendall(picture("orange")[:200])

    def half():
        line.sendall(b"\0" * 16)  # so that what came before goes to the disk
        return any(path.stat().st_size and not path.with_suffix(".json").exists()
                   for path in data_dir.glob("spool/*.data"))

    wait("half of an upload", half)
    box.kill()
    line.close()
    (data_dir / "store").unlink()
    (data_dir / "store.away").rename(data_dir / "store")
    expected["waiting"] = [digest(content) for content in waiting.values()]
    at_kill = [path for path in data_dir.glob("spool/*.data") if not path.with_suffix(".json").exists()]
    expected["cut"] = digest(at_kill[0].read_bytes())
    shutil.rmtree(data_dir / "run")
    keep(data_dir, target / "data")
    (target / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


def keep(data_dir, target):
    """Everything but what is empty or can be had again; databases as text."""
    for path in sorted(data_dir.rglob("*")):
        to = target / path.relative_to(data_dir)
        if path.is_dir() or path.name == "reserve" or path.suffix in (".db-wal", ".db-shm"):
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix != ".db":
            shutil.copy(path, to)
            continue
        with sqlite3.connect(path) as database:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            lines = [line for line in database.iterdump()]
        # Tables stand in the order of their names, whoever refers to whom.
        to.with_suffix(".sql").write_text("\n".join(["PRAGMA foreign_keys = OFF;", *lines, f"PRAGMA user_version = {version};", ""]))


main()
