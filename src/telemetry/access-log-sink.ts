import { closeSync, openSync, writeSync } from 'node:fs';

/** Takes finished lines. Nothing it does reaches the application: what cannot be written is dropped and counted. */
export interface AccessLogSink {
  /** A byte string, newline included. */
  write(line: string): void;
  /** There are lines that are not spelled out yet: `spell` writes them, before anything is flushed. */
  expect(spell: () => void): void;
  /** Writes what is buffered, synchronously. */
  flush(): void;
  close(): void;
  /** Lines that were lost. */
  readonly dropped: number;
}

export interface FileSinkOptions {
  /** Milliseconds that a line may wait; 200. */
  readonly flushIntervalMs?: number;
  /** Bytes after which lines are written at once; 64 KiB. */
  readonly batchBytes?: number;
  /** Bytes that may wait while writing fails; what exceeds them is dropped. 1 MiB. */
  readonly maxBufferedBytes?: number;
}

/** Milliseconds between attempts to open a file that could not be opened. */
const REOPEN_AFTER_MS = 5000;

/** The last lines are written when the process exits, for all sinks by one listener. */
const open = new Set<FileSink>();
const flushAll = (): void => {
  for (const sink of open) sink.flush();
};

/**
 * Appends to a file descriptor or a file. Lines are gathered and written in batches, synchronously as console.log does,
 * so that none is lost when the process exits. Writing goes to the descriptor and not to `process.stdout`: an error on
 * that stream would be the application's.
 */
export class FileSink implements AccessLogSink {
  dropped = 0;
  readonly #target: number | string;
  readonly #options: Required<FileSinkOptions>;
  #descriptor: number | undefined;
  /** Lines are put into it as bytes at once: as strings, pieced together, they would be work for the garbage collector. */
  #batch = Buffer.alloc(0);
  #bytes = 0;
  #lines = 0;
  #spell: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #retryOpenAt = 0;
  #warned = false;

  /** A number is an open descriptor, which stays the caller's; `/dev/stdout` and `/dev/stderr` are 1 and 2. */
  constructor(target: number | string, options: FileSinkOptions = {}) {
    this.#target = target === '/dev/stdout' ? 1 : target === '/dev/stderr' ? 2 : target;
    this.#options = { flushIntervalMs: 200, batchBytes: 64 * 1024, maxBufferedBytes: 1024 * 1024, ...options };
    if (open.size === 0) process.on('exit', flushAll);
    open.add(this);
  }

  write(line: string): void {
    const end = this.#bytes + line.length;
    if (this.#closed || end > this.#options.maxBufferedBytes) {
      this.dropped += 1;
      return;
    }
    if (end > this.#batch.length) this.#grow(end);
    this.#batch.write(line, this.#bytes, 'latin1');
    this.#bytes = end;
    this.#lines += 1;
    if (end >= this.#options.batchBytes) this.flush();
    else if (this.#timer === undefined) this.#flushLater();
  }

  expect(spell: () => void): void {
    if (this.#closed) return;
    this.#spell = spell;
    if (this.#timer === undefined) this.#flushLater();
  }

  flush(): void {
    const spell = this.#spell;
    this.#spell = undefined;
    spell?.();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#bytes === 0) return;
    const descriptor = this.#open();
    if (descriptor === undefined) return this.#keepOrDrop();
    try {
      writeWhole(descriptor, this.#batch.subarray(0, this.#bytes));
      this.#forget();
    } catch (error) {
      this.#failed(error);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    open.delete(this);
    if (open.size === 0) process.off('exit', flushAll);
    this.#closeDescriptor();
  }

  /** Opens the file anew at the next write: for log rotation by renaming. */
  reopen(): void {
    this.flush();
    this.#closeDescriptor();
  }

  /** To the size of a batch; further only while nothing can be written. */
  #grow(bytes: number): void {
    const { batchBytes, maxBufferedBytes } = this.#options;
    const former = this.#batch;
    const size = Math.min(Math.max(bytes, 2 * former.length, batchBytes + 4096), maxBufferedBytes);
    this.#batch = Buffer.allocUnsafeSlow(size);
    former.copy(this.#batch, 0, 0, this.#bytes);
  }

  #forget(): void {
    this.#bytes = 0;
    this.#lines = 0;
  }

  #flushLater(): void {
    this.#timer = setTimeout(() => this.flush(), this.#options.flushIntervalMs);
    this.#timer.unref();
  }

  #open(): number | undefined {
    if (typeof this.#target === 'number') return this.#target;
    if (this.#descriptor !== undefined) return this.#descriptor;
    if (Date.now() < this.#retryOpenAt) return undefined;
    try {
      this.#descriptor = openSync(this.#target, 'a');
    } catch (error) {
      this.#retryOpenAt = Date.now() + REOPEN_AFTER_MS;
      this.#warn(error);
    }
    return this.#descriptor;
  }

  #closeDescriptor(): void {
    if (this.#descriptor === undefined) return;
    try {
      closeSync(this.#descriptor);
    } catch {
      // Already closed by somebody else: there is nothing left to lose.
    }
    this.#descriptor = undefined;
  }

  /** A reader that is slow for a moment (EAGAIN) gets the rest later; everything else loses the batch. */
  #failed(error: unknown): void {
    if (error instanceof PartialWrite) {
      this.#batch.copyWithin(0, error.written, this.#bytes);
      this.#bytes -= error.written;
      return this.#keepOrDrop();
    }
    this.dropped += this.#lines;
    this.#forget();
    this.#closeDescriptor();
    this.#warn(error);
  }

  #keepOrDrop(): void {
    if (this.#bytes >= this.#options.maxBufferedBytes) {
      this.dropped += this.#lines;
      this.#forget();
    } else if (this.#timer === undefined && !this.#closed) this.#flushLater();
  }

  #warn(error: unknown): void {
    if (this.#warned) return;
    this.#warned = true;
    const reason = error instanceof Error ? error.message : String(error);
    process.emitWarning(`access log to ${String(this.#target)} is not written: ${reason}`, {
      code: 'SIDECARLESS_ACCESS_LOG',
    });
  }
}

class PartialWrite extends Error {
  readonly written: number;
  constructor(written: number) {
    super('the reader is slow');
    this.written = written;
  }
}

function writeWhole(descriptor: number, batch: Buffer): void {
  let written = 0;
  while (written < batch.length) {
    try {
      written += writeSync(descriptor, batch, written, batch.length - written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') throw new PartialWrite(written);
      throw error;
    }
  }
}
