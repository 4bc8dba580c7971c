/** Reloads the policy when its files change. What does not load is reported, and the last good policy stays. */
import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import path from 'node:path';
import type { MeshConfig } from '../core/model/mesh-config.ts';
import { readConfigFiles } from './config-files.ts';
import { isGlob } from './glob.ts';
import { type LoadOptions, loadMeshConfig } from './load.ts';

export interface WatchOptions extends LoadOptions {
  /** Called with each new policy, not with the first. */
  readonly onChange: (meshConfig: MeshConfig) => void;
  /** Called when a change does not load, or when `onChange` throws. Absent: a process warning. */
  readonly onError?: (error: unknown) => void;
  /** Milliseconds of quiet after a change before files are read: editors and volumes write in several steps. Absent: 100. */
  readonly quietMs?: number;
}

export interface MeshConfigWatch {
  /** The last policy that loaded. */
  readonly meshConfig: MeshConfig;
  /** Reads the files now, whatever the file system said. */
  reload(): void;
  close(): void;
}

/**
 * Loads as `loadMeshConfig` does, and throws as it does; then follows the files. Directories are watched rather than files, so
 * that replaced files, new files and the swapped links of mounted ConfigMaps are seen. Does not keep the process alive.
 */
export function watchMeshConfig(paths: string | readonly string[], options: WatchOptions): MeshConfigWatch {
  return new FileWatch(typeof paths === 'string' ? [paths] : paths, options);
}

class FileWatch implements MeshConfigWatch {
  meshConfig: MeshConfig;
  readonly #paths: readonly string[];
  readonly #loadOptions: LoadOptions;
  readonly #onChange: WatchOptions['onChange'];
  readonly #onError: (error: unknown) => void;
  readonly #quietMs: number;
  readonly #watchers = new Map<string, FSWatcher>();
  #texts: string;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(paths: readonly string[], { onChange, onError = warn, quietMs = 100, ...loadOptions }: WatchOptions) {
    this.#paths = paths;
    this.#loadOptions = loadOptions;
    this.#onChange = onChange;
    this.#onError = onError;
    this.#quietMs = quietMs;
    this.#texts = textsOf(paths);
    this.meshConfig = loadMeshConfig(paths, loadOptions);
    this.#follow();
  }

  reload(): void {
    if (this.#closed) return;
    this.#follow();
    const texts = textsOf(this.#paths);
    if (texts === this.#texts) return;
    // Remembered even if it does not load: one error a change is enough.
    this.#texts = texts;
    try {
      const next = loadMeshConfig(this.#paths, this.#loadOptions);
      this.#onChange(next);
      this.meshConfig = next;
    } catch (error) {
      this.#onError(error);
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** Directories come and go with the files in them. */
  #follow(): void {
    const wanted = new Set(this.#paths.flatMap(directoriesOf));
    for (const [directory, watcher] of this.#watchers) {
      if (wanted.has(directory)) continue;
      watcher.close();
      this.#watchers.delete(directory);
    }
    for (const directory of wanted) {
      if (!this.#watchers.has(directory)) this.#watch(directory);
    }
  }

  #watch(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, () => this.#changed());
      watcher.on('error', () => {
        watcher.close();
        this.#watchers.delete(directory);
        this.#changed();
      });
      this.#watchers.set(directory, watcher);
    } catch (error) {
      // It vanished in between: its parent tells when it is back.
      if (!isMissing(error)) throw error;
    }
  }

  #changed(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.reload(), this.#quietMs);
    this.#timer.unref();
  }
}

function warn(error: unknown): void {
  process.emitWarning(`the policy stays as it was: ${error instanceof Error ? error.message : String(error)}`);
}

/** One string that changes when any file does, comes or goes. */
function textsOf(paths: readonly string[]): string {
  const { sources, diagnostics } = readConfigFiles(paths);
  return JSON.stringify([sources, diagnostics]);
}

function directoriesOf(given: string): readonly string[] {
  if (isDirectory(given)) return [path.dirname(given), ...withSubdirectories(given)];
  if (!isGlob(given) || statSync(given, { throwIfNoEntry: false }) !== undefined) return [path.dirname(given)];
  const segments = given.split('/');
  const fixed = segments.slice(0, segments.findIndex(isGlob)).join('/');
  return withSubdirectories(fixed === '' ? (given.startsWith('/') ? '/' : '.') : fixed);
}

function withSubdirectories(directory: string): readonly string[] {
  if (!isDirectory(directory)) return [];
  const below = readdirSync(directory, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules',
  );
  return [directory, ...below.flatMap(({ name }) => withSubdirectories(path.join(directory, name)))];
}

function isDirectory(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
