/** gRPC, without a schema: bytes go there and come back. */

const same = (bytes) => bytes;
const method = (name, responseStream = false) => ({
  path: `/echo.Echo/${name}`,
  requestStream: false,
  responseStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});

/** What the server does, or the policy, is in the name: Slow has a timeout, Silent never answers, Unrouted has no route. */
const SERVICE = {
  Say: method('Say'),
  Slow: method('Slow'),
  Silent: method('Silent'),
  Unrouted: method('Unrouted'),
  Later: method('Later'),
  Stream: method('Stream', true),
};

export const grpcClients = [
  { name: '@grpc/grpc-js', server: 'grpc' },
  { name: '@grpc/grpc-js, TLS', server: 'grpcs', secure: true },
].map(({ secure, ...row }) => ({
  ...row,
  layer: 'http2 stream',
  open: async () => {
    const { default: grpc } = await import('@grpc/grpc-js');
    const Client = grpc.makeGenericClientConstructor(SERVICE, 'echo.Echo');
    const credentials = () => {
      if (!secure) return grpc.credentials.createInsecure();
      return grpc.credentials.createSsl();
    };
    return {
      /** A channel of its own, as a program has one for each service. */
      connect: (host, port) => {
        // Else channels to one target share their connections, also after they were closed.
        const client = new Client(`${host}:${port}`, credentials(), { 'grpc.use_local_subchannel_pool': 1 });
        return {
          unary: (name, options = {}) =>
            new Promise((resolve, reject) => {
              client[name](Buffer.from('hello'), options, (error, answer) =>
                error ? reject(error) : resolve(String(answer)),
              );
            }),
          stream: async () => {
            const said = [];
            for await (const message of client.Stream(Buffer.from('hello'))) said.push(String(message));
            return said;
          },
          close: () => client.close(),
        };
      },
    };
  },
}));
