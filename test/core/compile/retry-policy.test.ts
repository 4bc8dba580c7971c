import { describe, expect, it } from 'vitest';
import { convertRetryPolicy } from '../../../src/core/compile/retry-policy.ts';

const DEFAULT_RETRY_ON = 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes';

describe('the retries of a route', () => {
  it('are two, of what has surely not been served, when nobody says otherwise', () => {
    expect(convertRetryPolicy(undefined, false)).toEqual({ attempts: 2, retryOn: DEFAULT_RETRY_ON });
  });

  it('may go to the same host again with consistent hashing', () => {
    expect(convertRetryPolicy(undefined, true)).toMatchObject({ ignorePreviousHosts: false });
    expect(convertRetryPolicy({ attempts: 1 }, true)).toMatchObject({ ignorePreviousHosts: false });
    expect(convertRetryPolicy({ attempts: 1, retryIgnorePreviousHosts: true }, true)).not.toHaveProperty(
      'ignorePreviousHosts',
    );
  });

  it.each([{ attempts: 0 }, {}, { retryOn: '5xx' }])('are none with %o', (policy) => {
    expect(convertRetryPolicy(policy, false)).toBeNull();
  });

  it.each([
    ['5xx', '5xx', undefined],
    ['reset,503', 'reset,retriable-status-codes', [503]],
    ['503', ',retriable-status-codes', [503]],
    [' 5xx , 429 ', '5xx,retriable-status-codes', [429]],
    ['retriable-status-codes,503', 'retriable-status-codes', [503]],
    ['599', '599', undefined],
    ['', DEFAULT_RETRY_ON, undefined],
  ])('read retryOn %j as %j with codes %j', (retryOn, conditions, statusCodes) => {
    const policy = convertRetryPolicy({ attempts: 1, retryOn }, false);
    expect(policy?.retryOn).toBe(conditions);
    expect(policy?.statusCodes).toEqual(statusCodes);
  });

  it('carry their times in milliseconds', () => {
    expect(
      convertRetryPolicy({ attempts: 3, perTryTimeout: '1.5s', backoff: '50ms', retryRemoteLocalities: true }, false),
    ).toEqual({
      attempts: 3,
      retryOn: DEFAULT_RETRY_ON,
      perTryTimeoutMs: 1500,
      backoffMs: 50,
      retryRemoteLocalities: true,
    });
  });
});
