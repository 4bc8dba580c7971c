import type { DestinationFields } from '../schema/virtual-service.ts';
import { subsetNameProblem } from './destination-rule.ts';
import { wildcardDomainProblem } from './hostname.ts';
import { portProblem } from './port.ts';
import type { Report } from './problem.ts';

export function validateDestination(report: Report, field: string, destination: DestinationFields | undefined): void {
  if (destination === undefined) return;
  const { host = '', subset = '', port } = destination;
  if (host === '*') report.error('destinationHost', `${field}.host`, '* is not a destination', 'name a host');
  else report.check('destinationHost', `${field}.host`, wildcardDomainProblem(host));
  if (subset !== '') report.check('subset', `${field}.subset`, subsetNameProblem(subset));
  if (port !== undefined) report.check('port', `${field}.port.number`, portProblem(port.number ?? 0));
}
