// The client of the grpc-js peer; see tests/interop/README.md.
'use strict';
const assert = require('assert');
const grpc = require('@grpc/grpc-js');
const {load, grpcAddr, parseArgs} = require('./common.js');

const callTimeout = 20_000;

function check(ok, why) {
  if (!ok) throw new assert.AssertionError({message: why});
}

function within(ms) { return {deadline: Date.now() + ms}; }

// A streaming call with reads as promises.
class Stream {
  constructor(call) {
    this.call = call;
    this.header = new Promise(resolve => call.on('metadata', resolve));
    this.status = new Promise(resolve => call.on('status', resolve));
    call.on('error', () => {});  // read() throws it
    if (call.read) this.replies = call[Symbol.asyncIterator]();
  }
  // The next reply; throws the status when it is no OK; undefined at the end.
  async read() {
    const next = await this.replies.next();
    return next.done ? undefined : next.value;
  }
  async end(what) {
    check(await this.read() === undefined, `${what}: a reply more than expected`);
    const status = await this.status;
    check(status.code === 0, `${what}: ended with ${status.code} ${status.details}`);
  }
  write(message) { return new Promise(resolve => this.call.write(message, resolve)); }
}

class Client {
  constructor(addr, services, definition, args) {
    const options = {'grpc.enable_http_proxy': 0};
    this.stub = new services.Interop(grpcAddr(addr), grpc.credentials.createInsecure(), options);
    this.missing = new services.Missing(grpcAddr(addr), grpc.credentials.createInsecure(), options);
    this.detailsType = definition['sluice.interop.StatusDetails'];
    this.definition = definition;
    this.seconds = +(args.seconds || 1);
    this.ids = 0;
  }

  id() { return `node-${process.pid}-${++this.ids}`; }

  // {reply, header, trailer} of a unary method; throws the status when it is no OK.
  invoke(method, request, {metadata = new grpc.Metadata(), options = within(callTimeout), stub = this.stub, started} = {}) {
    return new Promise((resolve, reject) => {
      const got = {};
      const call = stub[method](request, metadata, options, (error, reply) => {
        if (error) return reject(error);
        got.reply = reply;
        if (got.trailer) resolve(got);
      });
      call.on('metadata', header => got.header = header);
      call.on('status', status => {
        got.trailer = status.metadata;
        if (got.reply) resolve(got);
      });
      if (started) started(call);
    });
  }
  async unary(request, options) { return (await this.invoke('Unary', request, options)).reply; }

  serverStream(request) { return new Stream(this.stub.ServerStream(request, new grpc.Metadata(), within(callTimeout))); }
  bidi(metadata = new grpc.Metadata(), options = within(callTimeout)) { return new Stream(this.stub.Bidi(metadata, options)); }
  // A Stream whose `reply` is a promise.
  clientStream() {
    let call;
    const reply = new Promise((resolve, reject) => {
      call = this.stub.ClientStream(new grpc.Metadata(), within(callTimeout), (error, value) => error ? reject(error) : resolve(value));
    });
    reply.catch(() => {});
    const stream = new Stream(call);
    stream.reply = reply;
    return stream;
  }

  // What the server saw of a call, once `until` holds for it.
  async seen(id, what, until) {
    let reply;
    for (const end = Date.now() + 5000; Date.now() < end; await new Promise(resolve => setTimeout(resolve, 5))) {
      reply = (await this.invoke('Seen', {id})).reply;
      if (until(reply)) return reply;
    }
    check(false, `the server did not see ${what}: ${JSON.stringify(reply)}`);
  }
  seenCancelled(id) { return this.seen(id, 'the cancellation', r => r.ended === 1 && r.cancelled); }
}

function checkStatus(error, code, message, what = 'call') {
  check(error.code === code && (message === undefined || error.details === message),
    `${what}: want ${code} ${message === undefined ? '' : JSON.stringify(message)}, got ${error.code} ${JSON.stringify(error.details || error.message)}`);
}

// The error that a promise is rejected with.
async function fails(promise) {
  let reply;
  try {
    reply = await promise;
  } catch (error) {
    return error;
  }
  check(false, `a call succeeded that must fail: ${JSON.stringify(reply || null).slice(0, 100)}`);
}

async function main() {
  const cases = require('./cases.js');
  const args = parseArgs(process.argv.slice(2));
  const {services, definition} = load(args.proto);
  const client = new Client(args.target, services, definition, args);
  for (const name of args.case.split(',')) {
    const start = Date.now();
    let why = '';
    try {
      check(name in cases, 'no such case');
      await cases[name](client);
    } catch (error) {
      if (!(error instanceof assert.AssertionError)) console.error(error);
      why = error.message || 'failed';
    }
    console.log(JSON.stringify({case: name, ok: why === '', why, seconds: (Date.now() - start) / 1000}));
  }
  client.stub.close();
  client.missing.close();
}

module.exports = {check, checkStatus, fails, within, callTimeout};
if (require.main === module) main();
