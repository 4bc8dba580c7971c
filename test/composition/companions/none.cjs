/** Nobody: the scenarios by themselves. */
'use strict';
exports.exact = true;
exports.start = () => undefined;
exports.job = async () => undefined;
