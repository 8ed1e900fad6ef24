"""One running release build for a benchmark: started on free ports in a scratch folder, watched, stopped."""
import http.cookiejar, json, os, pathlib, subprocess, sys, time, urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/camtrail"
SAMPLES = ROOT / "tests/data"
CLIP, STILL = SAMPLES / "MDalarm_20160830_152954.mkv", SAMPLES / "MDAlarm_20160830-155137.jpg"
ADMIN_PASSWORD, FTP_PASSWORD = "bench-admin-password", "bench-ftp-password"


def fail(what):
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {what}")


def wait_for(what, probe, limit_s=60, pause_s=0.005):
    """What `probe` finds, once it finds something."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(pause_s)
    fail(f"{what} did not happen within {limit_s} s")


def percentile(values, percent):
    """The value that so many percent don't exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def tree(pid):
    """The process and its children's children."""
    found = [pid]
    for process in found:
        # Any of them may end while it is looked at.
        try:
            for task in os.listdir(f"/proc/{process}/task"):
                found += map(int, pathlib.Path(f"/proc/{process}/task/{task}/children").read_text().split())
        except OSError:
            pass
    return found


def proportional_mb(pid):
    """Memory of one process; pages that several share are counted by parts."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1000
    except OSError:
        pass
    return 0


class Box:
    """`camtrail serve` on a data dir; `starter` is a command that runs it (a limit), `config` the text of a file."""

    def __init__(self, scratch, config="", starter=(), patience_s=60, environment=(), preexec=None):
        if not BINARY.exists():
            fail(f"{BINARY} is missing: build the release first (make does)")
        self.data = pathlib.Path(scratch) / "data"
        self.log = pathlib.Path(scratch) / "log"
        command = [*starter, BINARY, "serve", "--data-dir", self.data]
        if config:
            file = pathlib.Path(scratch) / "camtrail.toml"
            file.write_text(config)
            command += ["--config", file]
        variables = dict(
            os.environ,
            CAMTRAIL_ADMIN_PASSWORD=ADMIN_PASSWORD,
            CAMTRAIL_FTP_PASSWORD=FTP_PASSWORD,
            CAMTRAIL__TIME_ZONE="America/Los_Angeles",
            CAMTRAIL__FTP__LISTEN="127.0.0.1:0",
            CAMTRAIL__FTP__PASSIVE_PORTS="0",
            CAMTRAIL__HTTP__LISTEN="127.0.0.1:0",
            RUST_LOG="warn",
        )
        variables.update(environment)
        began = time.monotonic()
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, env=variables, stdout=log, stderr=log, preexec_fn=preexec)
        self.browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        addresses = self.data / "run/addresses.json"
        found = json.loads(wait_for("the start", lambda: self.lives() and addresses.exists() and addresses.read_text(), patience_s))
        self.url = f"http://{found['http']}"
        host, port = found["ftp"].rsplit(":", 1)
        self.ftp = (host, int(port))
        wait_for("an answer", lambda: self.answers("/readyz"), patience_s)
        self.started_s = time.monotonic() - began

    def lives(self):
        if self.process.poll() is not None:
            fail(f"the program ended with {self.process.returncode}:\n{self.log.read_text()[-2000:]}")
        return True

    def answers(self, path):
        try:
            with self.browser.open(self.url + path, timeout=5) as response:
                return response.status == 200
        except OSError:
            return False

    def sign_in(self):
        body = json.dumps({"username": "admin", "password": ADMIN_PASSWORD}).encode()
        request = urllib.request.Request(f"{self.url}/api/v1/session", body, {"content-type": "application/json"})
        self.browser.open(request, timeout=30).close()

    def get(self, path):
        with self.browser.open(self.url + path, timeout=30) as response:
            return json.load(response)

    def proc(self, name):
        return pathlib.Path(f"/proc/{self.process.pid}/{name}")

    def status(self, field):
        """A number of /proc/PID/status: VmRSS and VmHWM are in kB."""
        line = next(line for line in self.proc("status").read_text().splitlines() if line.startswith(field + ":"))
        return int(line.split()[1])

    def memory_mb(self):
        return self.status("VmRSS") / 1000

    def descriptors(self):
        return len(os.listdir(self.proc("fd")))

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=90)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
