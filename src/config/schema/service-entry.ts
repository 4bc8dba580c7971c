import * as z from 'zod/mini';
import { lazily } from './lazily.ts';
import { celRule, optional, port, text, workloadSelector } from './fields.ts';
import { workloadEntrySpec } from './workload-entry.ts';
import { whenGiven } from './when-given.ts';

const servicePort = lazily(() =>
  z.strictObject({
    number: port(),
    protocol: whenGiven(() => text.check(z.maxLength(256))),
    name: text.check(z.maxLength(256)),
    targetPort: whenGiven(port),
  }),
);

const resolution = z.enum(['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN', 'DYNAMIC_DNS']);

/** networking.istio.io ServiceEntry. */
export const serviceEntrySpec = lazily(() =>
  z
    .strictObject({
      hosts: z
        .array(
          text.check(
            z.refine(
              (host) => host !== '*',
              celRule('hostname', '* would admit every host; name a domain, such as *.example.com'),
            ),
          ),
        )
        .check(z.minLength(1), z.maxLength(256)),
      addresses: whenGiven(() => z.array(text.check(z.maxLength(64))).check(z.maxLength(256))),
      ports: whenGiven(() =>
        z.array(servicePort()).check(
          z.maxLength(256),
          z.refine(
            (ports) => distinct(ports.map(({ name }) => name)),
            celRule('duplicatePort', 'two ports have the same name'),
          ),
          z.refine(
            (ports) => distinct(ports.map(({ number }) => number)),
            celRule('duplicatePort', 'two ports have the same number'),
          ),
        ),
      ),
      location: whenGiven(() => z.enum(['MESH_EXTERNAL', 'MESH_INTERNAL'])),
      resolution: whenGiven(() => resolution),
      endpoints: whenGiven(() => z.array(workloadEntrySpec()).check(z.maxLength(4096))),
      workloadSelector: whenGiven(workloadSelector),
      exportTo: optional.texts,
      subjectAltNames: optional.texts,
    })
    .check(
      z.refine(
        (entry) => entry.workloadSelector === undefined || entry.endpoints === undefined,
        celRule('selectorAndEndpoints', 'sets workloadSelector and endpoints; only one of them may be set'),
      ),
      z.refine(
        (entry) => isAddressed(entry.resolution) || entry.addresses?.some((address) => address.includes('/')) !== true,
        celRule('cidrResolution', 'CIDR addresses need resolution NONE or STATIC'),
      ),
      z.refine(
        (entry) => !isNone(entry.resolution) || entry.endpoints === undefined,
        celRule('endpointsWithNone', 'resolution NONE keeps the dialled address; endpoints would have no effect'),
      ),
      z.refine(
        (entry) =>
          entry.resolution !== 'DNS_ROUND_ROBIN' || entry.endpoints === undefined || entry.endpoints.length === 1,
        celRule('endpointsRoundRobin', 'resolution DNS_ROUND_ROBIN takes one endpoint at most'),
      ),
    ),
);

export type ServiceEntryFields = z.infer<ReturnType<typeof serviceEntrySpec>>;
type ResolutionName = z.infer<typeof resolution>;

function isNone(name: ResolutionName | undefined): boolean {
  return name === undefined || name === 'NONE';
}

function isAddressed(name: ResolutionName | undefined): boolean {
  return isNone(name) || name === 'STATIC';
}

function distinct(values: readonly (string | number)[]): boolean {
  return new Set(values).size === values.length;
}
