/** SDKs: their own calls, below the path that a scenario wants. What they throw for a status is given as an answer. */

const PORTS = { 'http:': 80, 'https:': 443 };
const CREDENTIALS = { accessKeyId: 'a', secretAccessKey: 'b' };

/** `makeHandler` gives the HTTP handler of the client; absent: its own. */
export function s3(makeHandler) {
  return async () => {
    const { S3Client, ListObjectsV2Command } = await import('@aws-sdk/client-s3');
    const requestHandler = await makeHandler?.();
    const clients = new Map();
    return {
      get: async (url, { signal } = {}) => {
        const { origin, pathname } = new URL(url);
        if (!clients.has(origin)) {
          const client = new S3Client({
            endpoint: origin,
            region: 'eu-west-1',
            forcePathStyle: true,
            credentials: CREDENTIALS,
            maxAttempts: 1,
            ...(requestHandler && { requestHandler }),
          });
          clients.set(origin, client);
        }
        // The bucket is the first part of the path.
        const command = new ListObjectsV2Command({ Bucket: pathname.split('/')[1] || 'bucket' });
        let head;
        command.middlewareStack.add(
          (next) => async (input) => {
            const output = await next(input).catch((error) => {
              head = error.$response;
              throw error;
            });
            head = output.response;
            return output;
          },
          { step: 'deserialize' },
        );
        try {
          await clients.get(origin).send(command, { abortSignal: signal });
        } catch (error) {
          if (error.$metadata?.httpStatusCode === undefined) throw error;
        }
        return { status: head.statusCode, header: (name) => head.headers[name] };
      },
    };
  };
}

export const sdkClients = [
  { name: '@aws-sdk/client-s3', layer: 'http.Agent', open: s3() },
  {
    name: '@aws-sdk/client-s3, NodeHttp2Handler',
    layer: 'http2 stream',
    plain: 'h2',
    secure: 'h2s',
    open: s3(async () => new (await import('@smithy/node-http-handler')).NodeHttp2Handler()),
  },
  {
    name: 'stripe',
    layer: 'http.Agent',
    open: async () => {
      const { default: Stripe } = await import('stripe');
      const clients = new Map();
      return {
        get: async (url) => {
          const { origin, hostname, port, protocol, pathname } = new URL(url);
          if (!clients.has(origin)) {
            const settings = { host: hostname, port: port || PORTS[protocol], protocol: protocol.slice(0, -1) };
            clients.set(origin, new Stripe('sk_test_1', { ...settings, maxNetworkRetries: 0 }));
          }
          try {
            const { lastResponse } = await clients.get(origin).rawRequest('GET', pathname);
            return { status: lastResponse.statusCode, header: (name) => lastResponse.headers[name] };
          } catch (error) {
            // An answer that is not JSON loses its status.
            if (error.statusCode === undefined && !/^Invalid JSON/.test(error.message)) throw error;
            return { status: error.statusCode };
          }
        },
      };
    },
  },
  {
    name: '@octokit/request',
    layer: 'undici dispatch',
    open: async () => {
      const { request } = await import('@octokit/request');
      return {
        get: async (url, { signal } = {}) => {
          const { origin, pathname } = new URL(url);
          try {
            const { status, headers } = await request(`GET ${pathname}`, { baseUrl: origin, request: { signal } });
            return { status, header: (name) => headers[name] };
          } catch (error) {
            if (error.response === undefined) throw error;
            return { status: error.status };
          }
        },
      };
    },
  },
  {
    name: 'openai',
    layer: 'undici dispatch',
    open: openai(async (client, options) => {
      const { response } = await client.models.retrieve('m', options).withResponse();
      return response;
    }),
  },
  {
    name: 'openai, streaming',
    layer: 'undici dispatch',
    open: openai(async (client, options) => {
      const body = { model: 'm', stream: true, messages: [{ role: 'user', content: 'hello' }] };
      const { data, response } = await client.chat.completions.create(body, options).withResponse();
      let said = '';
      for await (const { choices } of data) said += choices[0].delta.content;
      if (said !== 'hello') throw new Error(`the stream said ${said}`);
      return response;
    }),
  },
];

function openai(call) {
  return async () => {
    const { default: OpenAI, APIError } = await import('openai');
    return {
      get: async (url, { signal } = {}) => {
        const client = new OpenAI({ baseURL: url, apiKey: 'k', maxRetries: 0 });
        try {
          const { status, headers } = await call(client, { signal });
          return { status, header: (name) => headers.get(name) ?? undefined };
        } catch (error) {
          if (!(error instanceof APIError) || error.status === undefined) throw error;
          return { status: error.status };
        }
      },
    };
  };
}
