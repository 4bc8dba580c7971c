import { formatError } from './access-log-command.ts';
import { plain } from './access-log-provider.ts';
import type { Operator } from './access-log-provider.ts';

/** Names of gRPC status codes by number: as Envoy's CAMEL_STRING and SNAKE_STRING, which differ for 1 in more than case. */
const NAMES: readonly (readonly [camel: string, snake: string])[] = [
  ['OK', 'OK'],
  ['Canceled', 'CANCELLED'],
  ['Unknown', 'UNKNOWN'],
  ['InvalidArgument', 'INVALID_ARGUMENT'],
  ['DeadlineExceeded', 'DEADLINE_EXCEEDED'],
  ['NotFound', 'NOT_FOUND'],
  ['AlreadyExists', 'ALREADY_EXISTS'],
  ['PermissionDenied', 'PERMISSION_DENIED'],
  ['ResourceExhausted', 'RESOURCE_EXHAUSTED'],
  ['FailedPrecondition', 'FAILED_PRECONDITION'],
  ['Aborted', 'ABORTED'],
  ['OutOfRange', 'OUT_OF_RANGE'],
  ['Unimplemented', 'UNIMPLEMENTED'],
  ['Internal', 'INTERNAL'],
  ['Unavailable', 'UNAVAILABLE'],
  ['DataLoss', 'DATA_LOSS'],
  ['Unauthenticated', 'UNAUTHENTICATED'],
];

export const GRPC_STATUS_NUMBER: Operator = plain((entry) => entry.grpcStatus);

/** An unknown code prints as its number. */
export const GRPC_STATUS: Operator = {
  parameter: 'optional',
  length: false,
  compile: ({ parameter = 'CAMEL_STRING' }) => {
    if (parameter === 'NUMBER') return { value: (entry) => entry.grpcStatus };
    if (parameter !== 'CAMEL_STRING' && parameter !== 'SNAKE_STRING')
      throw formatError(`\`${parameter}\` in \`GRPC_STATUS\` is none of CAMEL_STRING, SNAKE_STRING and NUMBER`);
    const column = parameter === 'CAMEL_STRING' ? 0 : 1;
    return {
      value: ({ grpcStatus }) =>
        grpcStatus === undefined ? undefined : (NAMES[grpcStatus]?.[column] ?? String(grpcStatus)),
    };
  },
};
