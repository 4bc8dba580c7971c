import { TLSSocket } from 'node:tls';

const QUESTIONS = [
  'getCertificate',
  'getCipher',
  'getEphemeralKeyInfo',
  'getFinished',
  'getPeerCertificate',
  'getPeerFinished',
  'getPeerX509Certificate',
  'getProtocol',
  'getSession',
  'getSharedSigalgs',
  'getTLSTicket',
  'getX509Certificate',
  'isSessionReused',
] as const;

/** Of a socket without a handshake Node gives null, which programs do not expect of one that gave them an answer. */
const NOTHING: Readonly<Record<string, object>> = { getPeerCertificate: {}, getCipher: {} };

/** What programs ask a TLS socket, answered by one that stands in for it: as `ask` would, or that there is nothing to tell. */
export function answerTlsQuestions(standIn: object, ask: () => object | undefined): void {
  for (const question of QUESTIONS) {
    const value = (...args: unknown[]): unknown => {
      const answer: unknown = Reflect.get(TLSSocket.prototype, question);
      const asked = ask();
      const told: unknown = typeof answer === 'function' && asked ? Reflect.apply(answer, asked, args) : null;
      return told ?? NOTHING[question] ?? told;
    };
    Object.defineProperty(standIn, question, { value, configurable: true, writable: true });
  }
}
