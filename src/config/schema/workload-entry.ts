import * as form from './form.ts';
import { celRule, port, text, textMap, uint32 } from './fields.ts';

const PORT_NAME = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/;
const UNIX = 'unix://';

/** networking.istio.io WorkloadEntry, and an endpoint of a ServiceEntry. */
export const workloadEntrySpec = form
  .strictObject({
    address: text
      .max(256)
      .refine(
        (value) => !value.startsWith(UNIX) || value[7] === '/' || value[7] === '@',
        celRule('unixEndpoint', 'a unix socket is an absolute path, or an abstract name after @'),
      )
      .refine(
        (value) => !value.startsWith(UNIX) || !value.endsWith('/'),
        celRule('unixEndpoint', 'a unix socket is a file, not a folder'),
      )
      .optional(),
    ports: form
      .record(port)
      .refine((ports) => Object.keys(ports).length <= 128, celRule('outOfRange', 'has more than 128 ports'))
      .refine(
        (ports) => Object.keys(ports).every((name) => name.length < 63 && PORT_NAME.test(name)),
        celRule('portName', 'maps a port name that is no DNS label'),
      )
      .optional(),
    labels: textMap
      .refine((labels) => Object.keys(labels).length <= 256, celRule('outOfRange', 'has more than 256 labels'))
      .optional(),
    network: text.max(2048).optional(),
    locality: text.max(2048).optional(),
    weight: uint32.optional(),
    serviceAccount: text.max(253).optional(),
  })
  .refine(
    (entry) => entry.address !== undefined || entry.network !== undefined,
    celRule('endpointAddress', 'needs an address'),
  )
  .refine(
    (entry) => !(entry.address?.startsWith(UNIX) === true && entry.ports !== undefined),
    celRule('unixEndpoint', 'a unix socket has no ports'),
  );

export type WorkloadEntryFields = form.Infer<typeof workloadEntrySpec>;
