import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { celRule, optional, port, text, textMap } from './fields.ts';
import { whenGiven } from './when-given.ts';

const PORT_NAME = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/;
const UNIX = 'unix://';

/** networking.istio.io WorkloadEntry, and an endpoint of a ServiceEntry. */
export const workloadEntrySpec = lazily(() =>
  z
    .strictObject({
      address: whenGiven(() =>
        text.check(
          z.maxLength(256),
          z.refine(
            (value) => !value.startsWith(UNIX) || value[7] === '/' || value[7] === '@',
            celRule('unixEndpoint', 'a unix socket is an absolute path, or an abstract name after @'),
          ),
          z.refine(
            (value) => !value.startsWith(UNIX) || !value.endsWith('/'),
            celRule('unixEndpoint', 'a unix socket is a file, not a folder'),
          ),
        ),
      ),
      ports: whenGiven(() =>
        z.record(text, port()).check(
          z.refine((ports) => Object.keys(ports).length <= 128, celRule('outOfRange', 'has more than 128 ports')),
          z.refine(
            (ports) => Object.keys(ports).every((name) => name.length < 63 && PORT_NAME.test(name)),
            celRule('portName', 'maps a port name that is no DNS label'),
          ),
        ),
      ),
      labels: whenGiven(() =>
        textMap().check(
          z.refine((labels) => Object.keys(labels).length <= 256, celRule('outOfRange', 'has more than 256 labels')),
        ),
      ),
      network: whenGiven(() => text.check(z.maxLength(2048))),
      locality: whenGiven(() => text.check(z.maxLength(2048))),
      weight: optional.uint32,
      serviceAccount: whenGiven(() => text.check(z.maxLength(253))),
    })
    .check(
      z.refine(
        (entry) => entry.address !== undefined || entry.network !== undefined,
        celRule('endpointAddress', 'needs an address'),
      ),
      z.refine(
        (entry) => !(entry.address?.startsWith(UNIX) === true && entry.ports !== undefined),
        celRule('unixEndpoint', 'a unix socket has no ports'),
      ),
    ),
);

export type WorkloadEntryFields = z.infer<ReturnType<typeof workloadEntrySpec>>;
