/** Starts servers that are installed on this machine: in folders of their own, on free ports, without privileges. */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { KeyPair } from '../tls/certificates.ts';

export interface Running {
  /** Its program and version. */
  readonly version: string;
  readonly ports: Readonly<Record<string, number>>;
}

/** How one server is configured and started. */
export interface Recipe {
  readonly name: string;
  /** All of them must be there. */
  readonly programs: readonly string[];
  readonly start: (place: Place) => Promise<Running>;
}

/** Where Debian keeps servers, beside PATH. */
const PLACES = ['/usr/sbin', '/usr/local/sbin', '/sbin', ...versioned('/usr/lib/postgresql', 'bin')];
const START_MS = 20_000;
const STOP_MS = 3_000;

/** The newest first. */
function versioned(folder: string, below: string): string[] {
  try {
    const versions = readdirSync(folder).sort((one, other) => Number(other) - Number(one));
    return versions.map((version) => join(folder, version, below));
  } catch {
    return [];
  }
}

export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...PLACES];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The folder and the processes of one server. */
export class Place {
  readonly folder: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly #owner: { readonly uid: number; readonly gid: number } | undefined;
  readonly #children: ChildProcess[] = [];

  constructor(name: string, certificate: KeyPair) {
    this.folder = mkdtempSync(join(tmpdir(), `sidecarless-${name}-`));
    this.#owner = process.getuid?.() === 0 ? nobody() : undefined;
    if (this.#owner) chownSync(this.folder, this.#owner.uid, this.#owner.gid);
    this.certFile = this.write('cert.pem', certificate.cert);
    this.keyFile = this.write('key.pem', certificate.key, 0o600);
  }

  program(name: string): string {
    const found = findProgram(name);
    if (found === undefined) throw new Error(`${name} is not installed`);
    return found;
  }

  write(name: string, text: string, mode = 0o644): string {
    const file = join(this.folder, name);
    writeFileSync(file, text);
    chmodSync(file, mode);
    if (this.#owner) chownSync(file, this.#owner.uid, this.#owner.gid);
    return file;
  }

  /** A folder that the server may write to. */
  folderFor(name: string): string {
    const made = join(this.folder, name);
    mkdirSync(made);
    if (this.#owner) chownSync(made, this.#owner.uid, this.#owner.gid);
    return made;
  }

  read(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8');
  }

  /** Runs to its end; gives what it printed. */
  run(program: string, args: readonly string[], input = ''): string {
    return execFileSync(this.program(program), args, {
      cwd: this.folder,
      encoding: 'utf8',
      input,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...this.#owner,
    });
  }

  /** The first number with dots that the program prints of itself, behind its name. */
  version(program: string, args: readonly string[]): string {
    const { stdout, stderr } = spawnSync(this.program(program), args, {
      cwd: this.folder,
      encoding: 'utf8',
      ...this.#owner,
    });
    return `${program} ${/\d+(?:\.\d+)+/.exec(stdout + stderr)?.[0] ?? ''}`.trim();
  }

  /** Runs until {@link stop}; resolves when it accepts connections on each of the ports. */
  async serve(program: string, args: readonly string[], ports: Readonly<Record<string, number>>): Promise<void> {
    const child = spawn(this.program(program), args, {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...this.#owner,
    });
    this.#children.push(child);
    process.once('exit', () => child.kill('SIGKILL'));
    let output = '';
    const note = (chunk: Buffer): void => void (output = (output + String(chunk)).slice(-4000));
    child.stdout.on('data', note);
    child.stderr.on('data', note);
    child.on('error', (error) => (output += String(error)));
    const end = Date.now() + START_MS;
    for (const port of Object.values(ports)) {
      while (!(await accepts(port))) {
        if (hasEnded(child) || Date.now() > end) throw new Error(`${program} does not serve: ${output}`);
        await wait(50);
      }
    }
  }

  async stop(): Promise<void> {
    for (const child of this.#children) {
      if (hasEnded(child)) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      // Fast shutdown for PostgreSQL, and an end for all others.
      child.kill('SIGINT');
      const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await ended;
      clearTimeout(late);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function hasEnded({ exitCode, signalCode, pid }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null || pid === undefined;
}

/** Servers refuse to run as root, or would become somebody else by themselves. */
function nobody(): { readonly uid: number; readonly gid: number } {
  const entry = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'));
  return { uid: Number(entry?.[1] ?? 65534), gid: Number(entry?.[2] ?? 65534) };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    const end = (answer: boolean) => (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', end(true)).once('error', end(false));
  });
}

export async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
