/**
 * Whether `http2.connect` is on the stack. It dials a socket like any other and says nothing of what it is for, and
 * where the streams of its session will lead is worth knowing before it is dialled.
 *
 * NODE: the file is called so from 20 to 26. The stack is looked at only where the answer matters.
 */
export function isHttp2Connecting(): boolean {
  const { stackTraceLimit } = Error;
  const before = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  try {
    Error.stackTraceLimit = 16;
    Error.prepareStackTrace = (_error, sites) => sites.some((site) => site.getFileName() === HTTP2_CORE);
    return (new Error().stack as unknown) === true;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
    if (before === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace');
    else Object.defineProperty(Error, 'prepareStackTrace', before);
  }
}

const HTTP2_CORE = 'node:internal/http2/core';
