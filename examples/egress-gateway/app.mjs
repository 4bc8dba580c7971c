import { report, viaFetch, viaHttp } from '../lab/client.mjs';

report('http.get http://edition.cnn.com/politics', await viaHttp('http://edition.cnn.com/politics'));
report('fetch http://edition.cnn.com/politics', await viaFetch('http://edition.cnn.com/politics'));
