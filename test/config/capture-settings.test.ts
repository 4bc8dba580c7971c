import { describe, expect, it } from 'vitest';
import { checkCaptureSettings, readCaptureSettings } from '../../src/config/capture-settings.ts';

const TRAFFIC = 'traffic.sidecar.istio.io/';

describe('readCaptureSettings', () => {
  it('says nothing without sources', () => {
    expect(readCaptureSettings({})).toEqual({ settings: {}, problems: [] });
  });

  it('lets an annotation, even an empty one, beat a Helm value', () => {
    const { settings } = readCaptureSettings({
      annotations: { [`${TRAFFIC}includeOutboundIPRanges`]: '', [`${TRAFFIC}excludeOutboundPorts`]: '9090' },
      helmValues: { includeIPRanges: '10.0.0.0/8', excludeOutboundPorts: '8080', includeOutboundPorts: '443' },
    });
    expect(settings).toEqual({ includeIPRanges: '', excludeOutboundPorts: '9090', includeOutboundPorts: '443' });
  });

  it('follows the CNI plugin where it differs from the init container', () => {
    expect(readCaptureSettings({ install: 'cni', helmValues: { includeIPRanges: '' } }).settings).toEqual({
      includeIPRanges: '*',
      excludeOutboundPorts: '15020',
    });
    const metadata = { ISTIO_META_DNS_CAPTURE: 'true', ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE: '2000' };
    expect(readCaptureSettings({ install: 'cni', proxyMetadata: metadata }).settings).toMatchObject({
      dnsCapture: true,
      captureAllDns: true,
    });
    expect(readCaptureSettings({ proxyMetadata: metadata }).settings).toEqual({
      dnsCapture: true,
      ownerGroupsExclude: '2000',
    });
  });

  it.each([
    [{ annotations: { [`${TRAFFIC}includeOutboundIPRanges`]: '10.0.0.1' } }, 'injector'],
    [{ annotations: { [`${TRAFFIC}includeOutboundPorts`]: '80,' }, install: 'cni' as const }, 'cni-plugin'],
    [{ annotations: { [`${TRAFFIC}includeOutboundPorts`]: '80-90' } }, 'rule-installer'],
    [{ helmValues: { excludeIPRanges: '10.0.0.0' } }, 'install-values'],
    [{ interceptionMode: 'NONE', install: 'cni' as const }, 'cni-plugin'],
  ])('says who refuses %j: %s', (sources, rejectedBy) => {
    expect(readCaptureSettings(sources).problems[0]).toMatchObject({ rejectedBy });
  });
});

describe('checkCaptureSettings', () => {
  it.each([
    [{ includeIPRanges: '*' }, 0],
    [{ includeIPRanges: '10.0.0.0/8,' }, 0],
    [{ includeIPRanges: '*,10.0.0.0/8' }, 1],
    [{ excludeIPRanges: '*' }, 1],
    [{ includeOutboundPorts: '80:90,0x50,https' }, 0],
    [{ includeOutboundPorts: '80-90' }, 1],
    [{ includeOutboundPorts: '80-90', nativeNftables: true }, 0],
    [{ excludeOutboundPorts: '0080' }, 1],
    [{ excludeOutboundPorts: '65536' }, 1],
    [{ excludeOutboundPorts: '80\n' }, 1],
  ])('%j: %d', (settings, problems) => {
    expect(checkCaptureSettings(settings)).toHaveLength(problems);
  });
});
