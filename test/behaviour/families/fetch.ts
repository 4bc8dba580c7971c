import type { Family } from '../behaviour.ts';
import type { Lab } from '../lab.ts';
import { reduce } from '../trace.ts';

/** What a promise came to. */
async function outcome(lab: Lab, promise: Promise<unknown>): Promise<unknown> {
  try {
    return { resolved: reduce(await promise, lab.trace, 4) };
  } catch (error) {
    return { rejected: reduce(error, lab.trace, 4) };
  }
}

async function facts(response: Response): Promise<object> {
  const { status, statusText, ok, redirected, type, url, headers, bodyUsed } = response;
  return {
    status,
    statusText,
    ok,
    redirected,
    type,
    url,
    bodyUsed,
    headers: [...headers],
    text: await response.text(),
  };
}

/** Answers with what it was sent. */
const mirror = (lab: Lab) =>
  lab.http((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () =>
      response.end(JSON.stringify([request.method, request.url, body.replace(/-{4,}[\w-]*\d+/g, '<boundary>')])),
    );
  });

function exchange(name: string, call: (base: string, lab: Lab) => Promise<Response>) {
  return {
    name,
    run: async (lab: Lab) => {
      const { port, heard } = await mirror(lab);
      const result = await outcome(lab, call(`http://localhost:${port}`, lab).then(facts));
      await lab.calm(5);
      for (const one of heard) one.bytes = one.bytes.replace(/-{4,}(form)?[\w-]*?\d{8,}/g, '<boundary>');
      return result;
    },
  };
}

export const fetching: Family = {
  name: 'fetch',
  behaviours: [
    exchange('GET', (base) => fetch(`${base}/path?query#fragment`)),
    exchange('a URL object and headers', (base) =>
      fetch(new URL(`${base}/a b`), { headers: { 'X-A': '1', accept: 'text/html' } }),
    ),
    exchange('a Request object', (base) =>
      fetch(new Request(`${base}/r`, { method: 'PUT', body: 'text', headers: [['x-b', '2']] })),
    ),
    exchange('POST with text, with JSON', (base) =>
      fetch(base, { method: 'POST', body: JSON.stringify({ a: 1 }), headers: { 'content-type': 'application/json' } }),
    ),
    exchange('POST with URLSearchParams', (base) =>
      fetch(base, { method: 'POST', body: new URLSearchParams({ a: '1 2' }) }),
    ),
    exchange('POST with a Blob', (base) =>
      fetch(base, { method: 'POST', body: new Blob(['blob'], { type: 'text/x' }) }),
    ),
    exchange('POST with bytes', (base) => fetch(base, { method: 'POST', body: new Uint8Array([65, 66]) })),
    exchange('POST with FormData', (base) => {
      const form = new FormData();
      form.set('field', 'value');
      form.set('file', new Blob(['content']), 'name.txt');
      return fetch(base, { method: 'POST', body: form });
    }),
    exchange('POST with a stream, half duplex', (base) => {
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode('one'));
          controller.enqueue(new TextEncoder().encode('two'));
          controller.close();
        },
      });
      return fetch(base, { method: 'POST', body, duplex: 'half' });
    }),
    exchange('POST without a body', (base) => fetch(base, { method: 'POST' })),
    exchange('PATCH', (base) => fetch(base, { method: 'PATCH', body: 'x' })),
    exchange('HEAD', (base) => fetch(base, { method: 'HEAD' })),
    exchange('keepalive: true', (base) => fetch(base, { method: 'POST', body: 'x', keepalive: true })),
    exchange('cache, referrer and credentials', (base) =>
      fetch(base, { cache: 'no-store', referrer: 'about:client', credentials: 'omit' } as RequestInit),
    ),
    exchange('an address', async (base) => fetch(base.replace('localhost', '127.0.0.1'))),
    exchange('credentials in the URL', (base) => fetch(base.replace('//', '//user:secret@'))),
    {
      name: 'keep-alive: one connection for requests in turn',
      run: async (lab) => {
        const { port, heard } = await mirror(lab);
        for (const path of ['/1', '/2', '/3']) await (await fetch(`http://localhost:${port}${path}`)).text();
        return { connections: heard.length };
      },
    },
    ...(['follow', 'manual', 'error'] as const).map((redirect) => ({
      name: `redirect: ${redirect}`,
      run: async (lab: Lab) => {
        const { port } = await lab.http((request, response) => {
          if (request.url === '/from') response.writeHead(302, { location: '/to' }).end();
          else response.end('arrived');
        });
        return outcome(lab, fetch(`http://localhost:${port}/from`, { redirect }).then(facts));
      },
    })),
    {
      name: 'redirects with 301, 303, 307 and 308 of a POST',
      run: async (lab) => {
        const { port } = await lab.http((request, response) => {
          request.resume().on('end', () => {
            const status = Number(request.url?.slice(1));
            if (status) response.writeHead(status, { location: '/to' }).end();
            else response.end(request.method);
          });
        });
        const texts: unknown[] = [];
        for (const status of [301, 303, 307, 308])
          texts.push(await (await fetch(`http://localhost:${port}/${status}`, { method: 'POST', body: 'b' })).text());
        return texts;
      },
    },
    {
      name: 'a redirect to another origin drops authorization and cookies',
      run: async (lab) => {
        const other = await lab.http((request, response) => response.end(JSON.stringify(Object.keys(request.headers))));
        const { port } = await lab.http((_request, response) =>
          response.writeHead(302, { location: `http://127.0.0.1:${other.port}/` }).end(),
        );
        const headers = { authorization: 'Basic x', cookie: 'a=1', 'x-kept': 'yes' };
        return (await fetch(`http://localhost:${port}/`, { headers })).text();
      },
    },
    {
      name: 'a loop of redirects ends',
      run: async (lab) => {
        const server = await lab.http((_request, response) => response.writeHead(302, { location: '/again' }).end());
        const result = await outcome(lab, fetch(`http://localhost:${server.port}/`));
        const hops = server.heard.reduce((sum, { bytes }) => sum + bytes.split('GET /').length - 1, 0);
        server.heard.length = 0;
        return { result, hops };
      },
    },
    {
      name: 'ECONNREFUSED at an address',
      run: (lab) => outcome(lab, fetch(`http://127.0.0.1:${lab.closedPort('http')}/`)),
    },
    {
      name: 'ECONNREFUSED at localhost',
      run: (lab) => outcome(lab, fetch(`http://localhost:${lab.closedPort('http')}/`)),
    },
    {
      name: 'a name that does not resolve',
      run: (lab) => outcome(lab, fetch(`http://nowhere.behaviour.test:${lab.closedPort('http')}/`)),
    },
    {
      name: 'a server that closes before it answers, and in the middle of the body',
      run: async (lab) => {
        const early = await lab.scripted((_request, _index, socket) => void socket.end());
        const middle = await lab.scripted((_request, _index, socket) => {
          socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart');
          return undefined;
        });
        const first = await outcome(lab, fetch(`http://localhost:${early.port}/`, { method: 'POST', body: 'x' }));
        lab.mask('other side closed', 'the other side closed');
        const response = await fetch(`http://localhost:${middle.port}/`);
        return {
          first: (first as { rejected?: { message?: string } }).rejected?.message,
          status: response.status,
          body: await outcome(lab, response.text()),
        };
      },
    },
    {
      name: 'what comes is no HTTP',
      run: async (lab) => {
        const { port } = await lab.scripted(() => 'SSH-2.0-OpenSSH\r\n\r\n');
        return outcome(lab, fetch(`http://localhost:${port}/`));
      },
    },
    {
      name: 'a signal that is aborted already, with a reason',
      run: async (lab) => {
        const { port, heard } = await mirror(lab);
        const result = await outcome(
          lab,
          fetch(`http://localhost:${port}/`, { signal: AbortSignal.abort(new Error('why')) }),
        );
        await lab.calm(5);
        return { result, connections: heard.length };
      },
    },
    {
      name: 'a signal aborted before the response',
      run: async (lab) => {
        const controller = new AbortController();
        const { port } = await lab.http(() => controller.abort());
        return outcome(lab, fetch(`http://localhost:${port}/`, { signal: controller.signal }));
      },
    },
    {
      name: 'a signal aborted in the middle of the body',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.write('part'));
        const controller = new AbortController();
        const response = await fetch(`http://localhost:${port}/`, { signal: controller.signal });
        const reader = response.body?.getReader();
        const first = await reader?.read();
        controller.abort();
        return {
          first: String(Buffer.from(first?.value ?? [])),
          then: await outcome(lab, reader?.read() ?? Promise.resolve()),
        };
      },
    },
    {
      name: 'AbortSignal.timeout',
      run: async (lab) => {
        const { port } = await lab.http(() => undefined);
        return outcome(lab, fetch(`http://localhost:${port}/`, { signal: AbortSignal.timeout(40) }));
      },
    },
    {
      name: 'a body is read in pieces, cancelled, cloned and teed',
      run: async (lab) => {
        const { port } = await lab.http((_request, response) => response.end('x'.repeat(100)));
        const url = `http://localhost:${port}/`;
        let length = 0;
        for await (const chunk of (await fetch(url)).body ?? []) length += (chunk as Uint8Array).length;
        const cloned = await fetch(url);
        const copy = cloned.clone();
        const both = [(await cloned.text()).length, (await copy.arrayBuffer()).byteLength];
        const [left, right] = ((await fetch(url)).body as ReadableStream).tee();
        const teed = [(await new Response(left).text()).length, (await new Response(right).text()).length];
        const cancelled = await fetch(url);
        await cancelled.body?.cancel('enough');
        return { length, both, teed, again: await outcome(lab, cancelled.text()) };
      },
    },
    {
      name: 'a body that is used twice',
      run: async (lab) => {
        const { port } = await mirror(lab);
        const response = await fetch(`http://localhost:${port}/`);
        await response.text();
        return { used: response.bodyUsed, again: await outcome(lab, response.text()) };
      },
    },
    {
      name: 'json, formData and blob of a response',
      run: async (lab) => {
        const { port } = await lab.http((request, response) => {
          const types: { [path: string]: [string, string] } = {
            '/json': ['application/json', '{"a":[1]}'],
            '/form': ['application/x-www-form-urlencoded', 'a=1&b=2'],
            '/bad': ['application/json', '{"a":'],
          };
          const [type, body] = types[request.url ?? ''] ?? ['text/plain', 'text'];
          response.setHeader('content-type', type);
          response.end(body);
        });
        const url = `http://localhost:${port}`;
        return {
          json: await (await fetch(`${url}/json`)).json(),
          form: [...(await (await fetch(`${url}/form`)).formData())],
          blob: (await (await fetch(`${url}/blob`)).blob()).type,
          bad: await outcome(lab, (await fetch(`${url}/bad`)).json()),
        };
      },
    },
    {
      name: 'compressed bodies are inflated',
      run: async (lab) => {
        const zlib = await import('node:zlib');
        const { port } = await lab.http((request, response) => {
          const brotli = request.url === '/br';
          response.setHeader('content-encoding', brotli ? 'br' : 'gzip');
          response.end(brotli ? zlib.brotliCompressSync('brotli') : zlib.gzipSync('gzip'));
        });
        return Promise.all(
          ['/gzip', '/br'].map(async (path) => (await fetch(`http://localhost:${port}${path}`)).text()),
        );
      },
    },
    {
      name: 'repeated headers and cookies of a response',
      run: async (lab) => {
        const { port } = await lab.scripted(
          () =>
            'HTTP/1.1 201 Made\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Many: 1\r\nX-Many: 2\r\nContent-Length: 0\r\n\r\n',
        );
        const response = await fetch(`http://localhost:${port}/`);
        return {
          cookies: response.headers.getSetCookie(),
          many: response.headers.get('x-many'),
          text: response.statusText,
        };
      },
    },
    {
      name: 'a stream that fails while it is sent',
      run: async (lab) => {
        const server = await lab.http((request) => request.resume().on('error', () => undefined));
        const body = new ReadableStream({
          pull(controller) {
            controller.error(new Error('source broke'));
          },
        });
        const result = await outcome(
          lab,
          fetch(`http://localhost:${server.port}/`, { method: 'POST', body, duplex: 'half' }),
        );
        await lab.calm(5);
        server.heard.length = 0;
        return result;
      },
    },
    {
      name: 'invalid arguments reject, and do not throw',
      run: async (lab) => {
        const calls: (() => Promise<unknown>)[] = [
          () => fetch('no url'),
          () => fetch('ftp://localhost/'),
          () => fetch('http://localhost:99999/'),
          () => fetch('http://localhost/', { method: 'CONNECT' }),
          () => fetch('http://localhost/', { method: 'GET', body: 'x' }),
          () => fetch('http://localhost/', { headers: { 'bad name': 'x' } }),
          () => fetch('http://localhost/', { headers: { ok: 'bad\n\u0000' } }),
          () => fetch('http://localhost/', { signal: {} as AbortSignal }),
          () => fetch('http://localhost/', { redirect: 'x' as never }),
          () => fetch('http://localhost:1/'),
          () => (fetch as unknown as () => Promise<unknown>)(),
        ];
        const results: unknown[] = [];
        for (const call of calls) {
          let threw = true;
          const result = await outcome(
            lab,
            new Promise((resolve) => {
              resolve(call());
              threw = false;
            }),
          );
          results.push([threw, result]);
        }
        return results;
      },
    },
    {
      name: 'data: and blob: URLs need no connection',
      run: async (lab) => {
        const url = URL.createObjectURL(new Blob(['from a blob']));
        const texts = [await (await fetch('data:text/plain,hello')).text(), await (await fetch(url)).text()];
        void lab;
        return texts;
      },
    },
    {
      name: 'over TLS, with a server nobody trusts',
      run: async (lab) => {
        const { port } = await lab.https((_request, response) => response.end('ok'), lab.certificates.stranger);
        return outcome(lab, fetch(`https://localhost:${port}/`));
      },
    },
    {
      name: 'fetch itself: name, length, text, and the classes beside it',
      run: () => [
        fetch.name,
        fetch.length,
        Object.getOwnPropertyDescriptor(globalThis, 'fetch') &&
          Object.keys(Object.getOwnPropertyDescriptor(globalThis, 'fetch') as object),
        ...['Request', 'Response', 'Headers', 'FormData', 'WebSocket', 'EventSource', 'MessageEvent', 'CloseEvent'].map(
          (name) => [
            name,
            typeof (globalThis as { [name: string]: unknown })[name],
            Object.getOwnPropertyDescriptor(globalThis, name)?.enumerable,
          ],
        ),
        Object.keys(globalThis),
      ],
    },
  ],
};
