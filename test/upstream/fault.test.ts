import { describe, expect, it } from 'vitest';
import { drawFault, drawn } from '../../src/upstream/fault.ts';

const both = { delay: { fixedDelayMs: 70, percent: 50 }, abort: { httpStatus: 418, percent: 50 } };

/** Gives the numbers in order. */
function numbers(...values: number[]): () => number {
  return () => values.shift() ?? 0;
}

describe('fault injection', () => {
  it('draws delay and abort apart', () => {
    expect(drawFault(both, numbers(0.1, 0.9))).toEqual({ delayMs: 70, responseFlags: 'DI' });
    expect(drawFault(both, numbers(0.9, 0.1))).toEqual({
      abort: { status: 418, body: 'fault filter abort' },
      responseFlags: 'FI',
      responseCodeDetails: 'fault_filter_abort',
    });
    expect(drawFault(both, numbers(0.1, 0.1))).toMatchObject({ delayMs: 70, responseFlags: 'DI,FI' });
    expect(drawFault(both, numbers(0.9, 0.9))).toBeUndefined();
    expect(drawFault(undefined, numbers())).toBeUndefined();
  });

  it('aborts gRPC with a gRPC status', () => {
    expect(drawFault({ abort: { grpcStatus: 14, percent: 100 } }, numbers(0.99))?.abort).toEqual({
      status: 200,
      grpcStatus: 14,
      grpcMessage: 'fault filter abort',
    });
  });

  it('always hits at 100 percent, never at 0, and in between by the number drawn', () => {
    expect(drawn(100, () => 0.999999999)).toBe(true);
    expect(drawn(0, () => 0)).toBe(false);
    expect(drawn(0.0001, () => 0.0000009)).toBe(true);
    expect(drawn(0.0001, () => 0.0000011)).toBe(false);
  });
});
