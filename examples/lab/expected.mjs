/**
 * How each call of each example ends. `target` is asked again of `explain`; `decided` is the beginning of its answer,
 * `by` the resource in it; `saw` is what the client must have seen and `logged` the access log line, or null for none.
 */
const HTTPBIN = 'ServiceEntry default/httpbin-ext';
const DENIED = /ERR_EGRESS_DENIED: .*evil\.example/;
const REFUSED = 'deny (no_service_entry)';

export const EXPECTED = {
  'service-entry': [
    {
      target: 'http://httpbin.org/get',
      decided: 'allow (registry)',
      by: HTTPBIN,
      saw: /^200 web host=httpbin\.org$/,
      logged: /GET \/get .* 200 .*outbound\|80\|\|httpbin\.org/,
    },
    {
      target: 'http://httpbin.org/status/418',
      decided: 'allow (registry)',
      by: HTTPBIN,
      saw: /^418/,
      logged: / 418 .*outbound\|80\|\|httpbin\.org/,
    },
    {
      target: 'http://evil.example/',
      decided: REFUSED,
      by: 'MeshConfig',
      saw: DENIED,
      logged: / 502 .*evil\.example.*block_all/,
    },
    {
      target: 'http://evil.example/',
      decided: REFUSED,
      by: 'MeshConfig',
      saw: DENIED,
      logged: / 502 .*evil\.example.*block_all/,
    },
    {
      target: 'http://evil.example/',
      decided: REFUSED,
      by: 'MeshConfig',
      saw: /^502$/,
      logged: / 502 .*evil\.example.*block_all/,
    },
    {
      target: 'https://evil.example/',
      decided: REFUSED,
      by: 'MeshConfig',
      saw: /^ECONNRESET: /,
      logged: / 0 UH .*BlackHoleCluster/,
    },
  ],
  'tls-sni': [
    {
      target: 'https://www.google.com/',
      decided: 'allow',
      by: 'VirtualService default/google',
      saw: /^200 secure .*sni=www\.google\.com/,
      logged: /outbound\|443\|\|www\.google\.com/,
    },
    {
      target: 'https://edition.cnn.com/',
      decided: 'allow',
      by: 'VirtualService default/cnn',
      saw: /^200 secure .*sni=edition\.cnn\.com/,
      logged: /outbound\|443\|\|edition\.cnn\.com/,
    },
    {
      target: 'https://www.facebook.com/',
      decided: REFUSED,
      saw: /ERR_EGRESS_DENIED: .*www\.facebook\.com/,
      logged: /BlackHoleCluster|UH/,
    },
  ],
  timeout: [
    {
      target: 'http://httpbin.org/delay/1',
      decided: 'timeout 3000 ms',
      by: 'VirtualService default/httpbin-ext',
      saw: /^200 web .* after 1 s$/,
      logged: /delay\/1 .* 200 /,
    },
    {
      target: 'http://httpbin.org/delay/5',
      decided: 'timeout 3000 ms',
      by: 'VirtualService default/httpbin-ext',
      saw: /^504 upstream request timeout after 3 s$/,
      logged: /delay\/5 .* 504 UT response_timeout/,
    },
  ],
  'ip-ranges': [
    {
      target: 'http://httpbin.org/get',
      decided: 'allow (registry)',
      by: HTTPBIN,
      saw: /^200 web/,
      logged: / 200 .*outbound\|80\|\|httpbin\.org/,
    },
    { target: 'http://evil.example/', decided: REFUSED, saw: DENIED, logged: /evil\.example|UH/ },
    {
      target: 'http://127.0.1.99:8080/',
      decided: 'allow (not_captured)',
      saw: /^200 web host=metrics\.internal:8080/,
      logged: null,
    },
    { target: 'http://192.0.2.55/', decided: 'allow (not_captured)', saw: /^200 web host=192\.0\.2\.55/, logged: null },
  ],
  'outbound-traffic-policy': [
    { target: 'http://evil.example/', decided: REFUSED, saw: DENIED, logged: / 502 / },
    {
      target: 'http://evil.example/',
      policy: 'allow-any',
      decided: 'allow (passthrough), PassthroughCluster',
      saw: /^200 web host=evil\.example/,
      logged: / 200 .*PassthroughCluster.*allow_any/,
    },
    {
      target: 'http://evil.example/',
      policy: 'allow-any',
      decided: 'allow (passthrough), PassthroughCluster',
      saw: /^200 web host=evil\.example/,
      logged: / 200 .*PassthroughCluster.*allow_any/,
    },
    { target: 'http://evil.example/', decided: REFUSED, saw: DENIED, logged: / 502 / },
  ],
  'external-name': [
    {
      target: 'http://httpbin/',
      decided: 'allow (registry)',
      by: HTTPBIN,
      saw: /^200 web host=httpbin$/,
      logged: / 200 .*outbound\|80\|\|httpbin\.org/,
    },
  ],
  'tls-origination': [
    {
      target: 'http://api.example.com/',
      decided: 'route',
      by: 'DestinationRule default/api',
      saw: /^200 secure host=api\.example\.com sni=api\.example\.com$/,
      logged: / 200 .*outbound\|80\|\|api\.example\.com/,
    },
    {
      target: 'http://api.example.com:443/',
      decided: 'route',
      by: 'DestinationRule default/api',
      saw: /^200 secure host=api\.example\.com:443 sni=api\.example\.com$/,
      logged: / 200 .*outbound\|443\|\|api\.example\.com/,
    },
    {
      target: 'http://api.example.com/',
      decided: 'route',
      by: 'DestinationRule default/api',
      saw: /^200 secure host=api\.example\.com sni=api\.example\.com$/,
      logged: / 200 .*outbound\|80\|\|api\.example\.com/,
    },
    {
      target: 'http://api.bank.example/',
      decided: 'route',
      by: 'DestinationRule default/bank',
      saw: /^200 bank .*sni=api\.bank\.example client=lab client$/,
      logged: / 200 .*outbound\|80\|\|api\.bank\.example/,
    },
  ],
  'egress-gateway': [
    {
      target: 'http://edition.cnn.com/politics',
      decided: 'route',
      by: 'VirtualService default/direct-cnn-through-egress-gateway',
      gateway: 'route (http_route), outbound|80||edition.cnn.com',
      saw: /^200 web host=edition\.cnn\.com via=istio-egressgateway$/,
      logged: / 200 .*outbound\|80\|cnn\|istio-egressgateway/,
    },
    {
      target: 'http://edition.cnn.com/politics',
      decided: 'route',
      by: 'VirtualService default/direct-cnn-through-egress-gateway',
      gateway: 'route (http_route), outbound|80||edition.cnn.com',
      saw: /^200 web host=edition\.cnn\.com via=istio-egressgateway$/,
      logged: / 200 .*outbound\|80\|cnn\|istio-egressgateway/,
    },
  ],
  'tcp-and-wildcards': [
    {
      target: 'tcp://127.0.2.10:27017',
      decided: 'allow (registry)',
      by: 'ServiceEntry default/mongo',
      saw: /^\+PONG$/,
      logged: /"- - -" 0 - .*outbound\|27017\|\|mongo\.internal/,
    },
    {
      target: 'tcp://mongo.internal:27017',
      decided: 'allow (registry)',
      by: 'ServiceEntry default/mongo',
      saw: /^\+PONG$/,
      logged: /"- - -" 0 - .*outbound\|27017\|\|mongo\.internal/,
    },
    {
      target: 'tcp://127.0.9.10:27017',
      decided: REFUSED,
      saw: /ERR_EGRESS_DENIED: .*127\.0\.9\.10/,
      logged: /"- - -" 0 UH .*BlackHoleCluster/,
    },
    {
      target: 'tls://en.wikipedia.org:443',
      decided: 'allow (registry)',
      by: 'ServiceEntry default/wikipedia',
      saw: /^hello en\.wikipedia\.org$/,
      logged: /outbound\|443\|\|\*\.wikipedia\.org/,
    },
    {
      target: 'http://partner.example/',
      decided: 'route',
      by: 'ServiceEntry default/partner',
      saw: /^200 web host=partner\.example$/,
      logged: / 200 .*outbound\|80\|\|partner\.example/,
    },
  ],
  weighted: [
    {
      target: 'http://reviews.example/',
      decided: 'route (http_route), outbound|80|v1|reviews.example 90, outbound|80|v2|reviews.example 10',
      by: 'VirtualService default/reviews',
      saw: /^v1: (8[5-9]\d|9[0-4]\d), v2: (\d\d|1[0-4]\d)$/,
      logged: / 200 .*outbound\|80\|v[12]\|reviews\.example/,
    },
  ],
};
