"""A cloud on the loopback: an emulator that enforces policies, TLS in front of it, and the shipped template in it.

Owns the processes that it starts and ends them by their ids. Promises that every wait is bounded and says what it waited
for. Refuses to talk to anything but the loopback: no credentials of the machine are read.
"""

import contextlib
import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import boto3
import botocore.config
import yaml

REGION = "eu-west-1"
# How long the emulator may take to start, and a stack to come or go.
START_SECONDS = 60
STACK_SECONDS = 180
# How long one request may take: the first call of a function starts its process.
REQUEST_SECONDS = 60
# How long a process may take to end after it was asked to.
END_SECONDS = 20


class Trouble(Exception):
    """Something that makes going on useless, said so that a person knows what to do."""


def wait_for(what, look, seconds, every=0.2):
    """What `look` gives once it gives something; `what` names it if that doesn't happen in time."""
    until = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() >= until:
            raise Trouble(f"waited {seconds} s for {what}")
        time.sleep(every)


def free_port():
    """A port of the loopback that nobody has now."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return door.getsockname()[1]


class Process:
    """A program that was started here, with its output in a file."""

    def __init__(self, name, arguments, log, env):
        self.name = name
        self.log = log
        with open(log, "wb") as out:
            self.child = subprocess.Popen(
                arguments, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=env, start_new_session=True
            )

    def alive(self):
        """Fails, with the last lines of its output, if it ended."""
        if self.child.poll() is not None:
            raise Trouble(f"{self.name} ended with {self.child.returncode}:\n{self.tail()}")
        return True

    def tail(self, lines=25):
        """The last lines of its output."""
        return "\n".join(pathlib.Path(self.log).read_text(errors="replace").splitlines()[-lines:])

    def end(self):
        """Asks it to end, and makes it; what it started is of its process group and ends with it."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(END_SECONDS)
                if sign == signal.SIGTERM:
                    # Children that outlived their parent.
                    continue
                return


class TlsFront:
    """What a TLS terminator is to the emulator: requests that come through here count as made over TLS.

    The bucket's policy denies everything that isn't, and the emulator knows by this header alone. Signatures don't cover
    it. One request a connection: nothing of bodies has to be understood.

    It also denies what the template's policy denies by a condition that the emulator doesn't know (s3:if-none-match): see
    `add_only`.
    """

    HEAD_MAX_BYTES = 64 * 1024
    PIECE_BYTES = 64 * 1024

    def __init__(self, behind):
        self.behind = behind
        # The heads of requests that write, in small letters: what the emulator forgets or can't judge is seen in them.
        self.writes = []
        # Key ids, in small letters, that may make no object below these paths without saying If-None-Match.
        self.add_only = {}
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def end(self):
        with contextlib.suppress(OSError):
            self.door.shutdown(socket.SHUT_RDWR)
        self.door.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.door.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, contextlib.suppress(OSError):
            client.settimeout(REQUEST_SECONDS)
            head = b""
            while b"\r\n\r\n" not in head:
                piece = client.recv(self.PIECE_BYTES)
                if not piece or len(head) > self.HEAD_MAX_BYTES:
                    return
                head += piece
            head, body = head.split(b"\r\n\r\n", 1)
            if head.startswith((b"PUT ", b"POST ")):
                self.writes.append(head.decode("latin-1").lower())
                if self._would_replace(self.writes[-1]):
                    self._deny(client, self.writes[-1], body)
                    return
            lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
            lines += [b"Connection: close", b"X-Forwarded-Proto: https"]
            with socket.create_connection(("127.0.0.1", self.behind), timeout=REQUEST_SECONDS) as there:
                there.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
                threading.Thread(target=self._pump, args=(client, there), daemon=True).start()
                self._pump(there, client)
                # Ends the other direction, too.
                client.shutdown(socket.SHUT_RDWR)

    def _would_replace(self, head):
        line = head.splitlines()[0]
        # Beginning an upload in parts, and its parts, make no object.
        makes_one = not any(word in line for word in ("?uploads", "partnumber=", "?tagging"))
        limited = any(key in head and f" {path}" in line for key, path in self.add_only.items())
        return limited and makes_one and "if-none-match: *" not in head

    def _deny(self, client, head, body):
        lengths = [int(line.split(":")[1]) for line in head.splitlines() if line.startswith("content-length:")]
        left = (lengths or [0])[0] - len(body)
        while left > 0 and (piece := client.recv(min(left, self.PIECE_BYTES))):
            left -= len(piece)
        text = b"<Error><Code>AccessDenied</Code><Message>denied by a condition of the policy</Message></Error>"
        client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nConnection: close\r\n"
                       + b"Content-Length: %d\r\n\r\n" % len(text) + text)

    def _pump(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(self.PIECE_BYTES):
                target.sendall(data)


class Cloud:
    """The emulator, with TLS in front of it. Root's keys are test/test; everybody else is judged by their policies."""

    def __init__(self, scratch):
        self.scratch = pathlib.Path(scratch)
        self.port = free_port()
        self.front = TlsFront(self.port)
        self.url = f"http://127.0.0.1:{self.front.port}"
        self.plain_url = f"http://127.0.0.1:{self.port}"
        program = pathlib.Path(sys.executable).with_name("ministack")
        if not program.exists():
            raise Trouble(f"{program} is missing: scripts/deploy-tools installs it")
        # Functions inherit this environment, so it holds nothing that isn't meant for them: least of all a key, a
        # region or an endpoint of the machine that the test runs on.
        env = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(self.scratch),
            "TMPDIR": str(self.scratch),
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ENDPOINT_URL_DYNAMODB": self.url,
            # Who finds no keys shall say so, and not ask the machine that the test runs on.
            "AWS_EC2_METADATA_DISABLED": "true",
            # The second and third try of a failed notification come after these, not after minutes.
            "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.5",
            "LAMBDA_ASYNC_RETRY_MAX_SECONDS": "1",
            "RUST_LOG": os.environ.get("RUST_LOG", "info"),
        }
        self.process = Process("the emulator", [str(program)], self.scratch / "cloud.log", env)
        try:
            wait_for("the emulator's health", self._healthy, START_SECONDS)
        except BaseException:
            self.end()
            raise

    def _healthy(self):
        self.process.alive()
        with contextlib.suppress(OSError, http.client.HTTPException):
            line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            line.request("GET", "/_ministack/health")
            return line.getresponse().status == 200

    def end(self):
        self.process.end()
        self.front.end()

    def client(self, service, keys=None, tls=True):
        """A client of a service: root's, or by `keys` (access key, secret, session token)."""
        access, secret, token = keys or ("test", "test", None)
        return boto3.client(
            service,
            endpoint_url=self.url if tls else self.plain_url,
            region_name=REGION,
            aws_access_key_id=access,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=botocore.config.Config(
                retries={"total_max_attempts": 1},
                read_timeout=REQUEST_SECONDS,
                connect_timeout=10,
                s3={"addressing_style": "path"},
            ),
        )

    def call(self, api, method, path, body=None, headers=None):
        """One request to an HTTP API: status, headers, body."""
        line = http.client.HTTPConnection("127.0.0.1", self.front.port, timeout=REQUEST_SECONDS)
        line.request(method, path, body, {"Host": f"{api}.execute-api.localhost:{self.port}", **(headers or {})})
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read()

    def api_url(self, api):
        """Where a browser finds an HTTP API: names below localhost are the loopback's."""
        return f"http://{api}.execute-api.localhost:{self.front.port}/"

    def role_keys(self, role_arn):
        """Keys of a role's session, as its function gets them: judged by the same policies."""
        keys = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="deploy-test")["Credentials"]
        return keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]


class Loader(yaml.SafeLoader):
    """Reads templates: `!Sub x` becomes `{"Fn::Sub": "x"}`."""


def _intrinsic(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", _intrinsic)


def load_template(path):
    """The template as plain data."""
    return yaml.load(pathlib.Path(path).read_text(), Loader)  # noqa: S506: a SafeLoader


def package(cloud, template, where, zips):
    """What `aws cloudformation package` does: each local CodeUri is uploaded, and the address stands in its place."""
    store = cloud.client("s3")
    store.create_bucket(Bucket="deploy-artifacts", CreateBucketConfiguration={"LocationConstraint": REGION})
    for resource in template["Resources"].values():
        code = resource.get("Properties", {}).get("CodeUri")
        if not isinstance(code, str):
            continue
        zip_file = pathlib.Path(where, code).resolve()
        if zips is not None:
            zip_file = pathlib.Path(zips, zip_file.name)
        if not zip_file.is_file():
            raise Trouble(f"{zip_file} is missing: make lambda builds it")
        store.upload_file(str(zip_file), "deploy-artifacts", zip_file.name)
        resource["Properties"]["CodeUri"] = {"Bucket": "deploy-artifacts", "Key": zip_file.name}
    return template


def deploy(cloud, template, name, parameters):
    """Makes the stack and waits for it: its outputs and its resources' physical names."""
    stacks = cloud.client("cloudformation")
    stacks.create_stack(
        StackName=name,
        TemplateBody=yaml.safe_dump(template, sort_keys=False),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )

    def ended():
        cloud.process.alive()
        stack = stacks.describe_stacks(StackName=name)["Stacks"][0]
        return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

    stack = wait_for(f"the stack {name}", ended, STACK_SECONDS)
    if stack["StackStatus"] != "CREATE_COMPLETE":
        events = stacks.describe_stack_events(StackName=name)["StackEvents"]
        why = [f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason')}" for e in events if "FAILED" in e["ResourceStatus"]]
        raise Trouble(f"the stack became {stack['StackStatus']}:\n" + "\n".join(why))
    resources = stacks.describe_stack_resources(StackName=name)["StackResources"]
    return (
        {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])},
        {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources},
    )


def remove_scratch(path):
    """Removes what the test wrote."""
    shutil.rmtree(path, ignore_errors=True)
