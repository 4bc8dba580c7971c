import { report, viaHttps } from '../lab/client.mjs';

report('https.get https://www.google.com/', await viaHttps('https://www.google.com/'));
report('https.get https://edition.cnn.com/', await viaHttps('https://edition.cnn.com/'));
report('https.get https://www.facebook.com/', await viaHttps('https://www.facebook.com/'));
