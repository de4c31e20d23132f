// A right plugin in Node: the http module, and nothing else.
const crypto = require("crypto");
const fs = require("fs");
const http = require("http");
const net = require("net");
const path = require("path");

const SOCKET = process.env.DDD_SOCKET || "/run/docker/plugins/ddd.sock";
const ROOT = path.resolve(process.env.DDD_ROOT || "/var/lib/ddd");
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}$/;

class Refused extends Error {
  constructor(message, status = 400) {
    super(message);
    this.status = status;
  }
}

function named(request) {
  if (typeof request.Name !== "string" || !NAME.test(request.Name)) {
    throw new Refused(`${request.Name} is not a name`);
  }
  const folder = path.join(ROOT, request.Name);
  return { name: request.Name, folder, data: path.join(folder, "data"), mounts: path.join(folder, "mounts") };
}

function existing(request) {
  const volume = named(request);
  if (!fs.existsSync(volume.data)) {
    throw new Refused(`no volume ${volume.name}`, 404);
  }
  return volume;
}

const calls = {
  "/Plugin.Activate": () => ({ Implements: ["VolumeDriver"] }),

  "/VolumeDriver.Capabilities": () => ({ Capabilities: { Scope: "local" } }),

  "/VolumeDriver.Create": (request) => {
    const volume = named(request);
    const options = Object.keys(request.Opts || {});
    if (options.length > 0) {
      throw new Refused(`unknown options: ${options}`);
    }
    fs.mkdirSync(volume.mounts, { recursive: true });
    fs.mkdirSync(volume.data, { recursive: true });
    return { Err: "" };
  },

  "/VolumeDriver.Get": (request) => {
    const volume = existing(request);
    return { Volume: { Name: volume.name, Mountpoint: volume.data }, Err: "" };
  },

  "/VolumeDriver.List": () => {
    const names = fs.readdirSync(ROOT).filter((name) => fs.existsSync(path.join(ROOT, name, "data")));
    return { Volumes: names.map((name) => ({ Name: name, Mountpoint: path.join(ROOT, name, "data") })), Err: "" };
  },

  "/VolumeDriver.Path": (request) => ({ Mountpoint: existing(request).data, Err: "" }),

  "/VolumeDriver.Mount": (request) => {
    const volume = existing(request);
    if (!/^[a-zA-Z0-9]+$/.test(request.ID)) {
      throw new Refused("ID is not valid");
    }
    const record = `${request.ID}.${crypto.randomUUID()}`;
    fs.writeFileSync(path.join(volume.mounts, record), "");
    return { Mountpoint: volume.data, Err: "" };
  },

  "/VolumeDriver.Unmount": (request) => {
    const volume = existing(request);
    const record = fs.readdirSync(volume.mounts).find((file) => file.split(".")[0] === request.ID);
    if (record) {
      fs.unlinkSync(path.join(volume.mounts, record));
    }
    return { Err: "" };
  },

  "/VolumeDriver.Remove": (request) => {
    const volume = existing(request);
    if (fs.readdirSync(volume.mounts).length > 0) {
      throw new Refused(`volume ${volume.name} is in use`, 409);
    }
    if (fs.readFileSync("/proc/self/mounts", "utf8").includes(` ${volume.folder}/`)) {
      throw new Refused(`something is mounted in volume ${volume.name}`, 409);
    }
    fs.rmSync(volume.folder, { recursive: true });
    return { Err: "" };
  },
};

function parse(body) {
  const request = JSON.parse(body);
  if (request === null || typeof request !== "object" || Array.isArray(request)) {
    throw new Refused("the body is not an object");
  }
  return request;
}

function send(res, status, answer) {
  res.writeHead(status, { "Content-Type": "application/vnd.docker.plugins.v1.2+json" });
  res.end(JSON.stringify(answer));
}

const server = http.createServer((req, res) => {
  let body = "";
  req.on("data", (chunk) => {
    body += chunk;
  });
  req.on("end", () => {
    if (req.url === "/") {
      return res.end("Hello from Node\n");
    }
    const call = calls[req.url];
    if (!call) {
      return send(res, 404, { Err: `no call ${req.url}` });
    }
    try {
      const request = req.url === "/Plugin.Activate" ? {} : parse(body);
      send(res, 200, call(request));
    } catch (error) {
      send(res, error.status || 400, { Err: error.message });
    }
  });
});

function listen() {
  const before = process.umask(0o177);
  server.listen(SOCKET);
  process.umask(before);
}

fs.mkdirSync(ROOT, { recursive: true });
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => {
    server.close();
    process.exit(0);
  });
}
if (!fs.existsSync(SOCKET)) {
  listen();
} else if (!fs.lstatSync(SOCKET).isSocket()) {
  console.error(`${SOCKET} is a file`);
  process.exitCode = 1;
} else {
  const probe = net.connect(SOCKET);
  probe.on("connect", () => {
    console.error("a plugin listens already");
    process.exit(1);
  });
  probe.on("error", () => {
    fs.unlinkSync(SOCKET);
    listen();
  });
}
