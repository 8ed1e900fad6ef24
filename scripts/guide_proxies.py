"""Reverse proxies as the guides write them: started before a box, and asked through as a browser would ask.

`nginx proxy` blocks are what stands in a `server`; `caddy proxy` blocks are a whole Caddyfile. A certificate of our own stands for
the one that the world would give.
"""
import http.client, json, os, shutil, signal, socket, ssl, subprocess, time

NAME = "cams.example.org"
PATIENCE_S = 20
# Debian's servers stand where only root looks.
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"


class ProxyFault(Exception):
    pass


def nginx(folder, port, block, certificate):
    config = folder / "nginx.conf"
    temporary = "\n".join(
        f"    {kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # Root's nginx would work as somebody who can't write here.
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(f"""daemon off;
{user}
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
{temporary}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate / "cert.pem"};
        ssl_certificate_key {certificate / "key.pem"};
{block}
    }}
}}
""")
    return ["nginx", "-p", folder, "-c", config, "-e", "stderr"]


def caddy(folder, port, block, certificate):
    if f"{NAME} {{" not in block:
        raise ProxyFault(f"a Caddyfile without {NAME}")
    # The same, at a port of ours, with a certificate that no authority gives.
    own = f"{NAME}:{port} {{\n    bind 127.0.0.1\n    tls {certificate / 'cert.pem'} {certificate / 'key.pem'}"
    config = folder / "Caddyfile"
    config.write_text("{\n    admin off\n    auto_https off\n}\n" + block.replace(f"{NAME} {{", own))
    return ["caddy", "run", "--config", config, "--adapter", "caddyfile"]


KINDS = {"nginx": nginx, "caddy": caddy}


def check(kind, block, scratch, certificate, password, token):
    """Starts a proxy with this block, and signs in, uploads and listens through it."""
    folder = scratch / kind
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = KINDS[kind](folder, port, block, certificate)
    if not shutil.which(command[0], path=PATH):
        raise ProxyFault(f"{kind} is missing: scripts/setup test installs it")
    with open(folder / "log", "wb") as log:
        env = {"PATH": PATH, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        process = subprocess.Popen(command, env=env, cwd=folder, stdout=log, stderr=log)
    try:
        wait_for(process, port, folder / "log")
        asks(port, password, token)
    except (OSError, AssertionError) as error:
        raise ProxyFault(f"through {kind}: {error}\n{(folder / 'log').read_text()[-2000:]}") from error
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_for(process, port, log):
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise ProxyFault(f"it did not start:\n{log.read_text()[-2000:]}") from None
            time.sleep(0.05)


def connect(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    line = http.client.HTTPSConnection("127.0.0.1", port, timeout=PATIENCE_S, context=context)
    line.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port), PATIENCE_S), server_hostname=NAME)
    return line


def asks(port, password, token):
    line = connect(port)
    headers = {"Host": NAME, "Origin": f"https://{NAME}", "Content-Type": "application/json"}
    line.request("POST", "/api/v1/session", json.dumps({"username": "admin", "password": password}), headers)
    answer = line.getresponse()
    said = answer.read()
    assert answer.status == 200, f"signing in: {answer.status} {said!r}"
    cookie = answer.getheader("set-cookie") or ""
    assert "; Secure" in cookie, f"the cookie isn't for https alone: {cookie}"
    cookie = cookie.split(";")[0]
    line.request("GET", "/", headers={"Host": NAME, "Cookie": cookie})
    answer = line.getresponse()
    assert answer.status == 200 and b"<title>" in answer.read(), "the app isn't served"
    # Another site's page may not use the session.
    line.request("DELETE", "/api/v1/session", headers={"Host": NAME, "Cookie": cookie, "Origin": "https://evil.example"})
    answer = line.getresponse()
    answer.read()
    assert answer.status == 403, f"a stranger's page signs out: {answer.status}"
    # More than nginx takes by itself.
    clip = os.urandom(3_000_000)
    line.request("PUT", "/ingest/gate/record/clip.mp4", clip, {"Host": NAME, "Authorization": f"Bearer {token}"})
    answer = line.getresponse()
    said = answer.read()
    assert answer.status == 201, f"a clip of 3 MB: {answer.status} {said!r}"
    listens(port, cookie)


def listens(port, cookie):
    line = connect(port)
    line.request("GET", "/api/v1/live", headers={"Host": NAME, "Cookie": cookie, "Accept": "text/event-stream"})
    answer = line.getresponse()
    assert answer.status == 200, f"live: {answer.status}"
    began, said = time.monotonic(), b""
    while b"event: ready" not in said:
        part = answer.read1(1000)
        assert part, f"the stream ended after {said!r}"
        said += part
    waited = time.monotonic() - began
    assert waited < 5, f"the greeting came {waited:.1f} s late: something buffers"
    line.close()
