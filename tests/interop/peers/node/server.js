// The server of the grpc-js peer; see tests/interop/README.md.
'use strict';
const grpc = require('@grpc/grpc-js');
const {load, pattern, crc32, grpcAddr, parseArgs} = require('./common.js');

const calls = new Map();  // what was seen of the calls with one id
const noPlan = {replies: 0, reply_size: 0, wait: false, gather: 0, read: 0, code: 0, message: '', details: Buffer.alloc(0)};

function newRecord() {
  const record = {seen: {started: 0, ended: 0, cancelled: false, timeout_ms: -1, received: 0, sent: 0}};
  record.gathered = new Promise(resolve => record.gather = resolve);
  return record;
}

// What a handler is left with when its call is cancelled.
class Cancelled extends Error {}

// One call while its handler runs.
class Call {
  constructor(call) {
    this.call = call;
    this.record = newRecord();  // nobody asks for it until the first message has an id
    this.count = this.size = this.crc = 0;
    this.metadata = [];
    this.trailer = new grpc.Metadata();
    const header = new grpc.Metadata();
    let anyHeader = false;
    for (const key of Object.keys(call.metadata.getMap()).filter(k => k.startsWith('x-'))) {
      for (const value of call.metadata.get(key)) {
        this.metadata.push({key, value: Buffer.from(value)});
        if (key.startsWith('x-header')) anyHeader = true, header.add(key, value);
        if (key.startsWith('x-trailer')) this.trailer.add(key, value);
      }
    }
    if (anyHeader) call.sendMetadata(header);
    this.cancelled = new Promise((_, reject) => call.on('cancelled', () => reject(new Cancelled())));
    this.cancelled.catch(() => {});
  }

  received(request) {
    if (this.count === 0 && request.id) {
      if (!calls.has(request.id)) calls.set(request.id, this.record);
      this.record = calls.get(request.id);
      ++this.record.seen.started;
      const deadline = this.call.getDeadline();
      if (deadline !== Infinity) this.record.seen.timeout_ms = Math.floor(+deadline - Date.now());
    }
    ++this.count;
    this.size += request.payload.length;
    this.crc = crc32(request.payload, this.crc);
    ++this.record.seen.received;
  }

  reply(payload, text) {
    const metadata = this.metadata;
    this.metadata = [];
    return {payload, text, count: this.count, size: this.size, crc: this.crc, metadata};
  }

  // The next request, or undefined at the half-close.
  async read() {
    this.requests ||= this.call.iterator({destroyOnReturn: false});
    const next = await Promise.race([this.requests.next(), this.cancelled]);
    return next.done ? undefined : next.value;
  }

  async write(reply) {
    if (this.call.cancelled) throw new Cancelled();
    const room = this.call.write(reply);
    ++this.record.seen.sent;
    if (!room) await Promise.race([new Promise(resolve => this.call.once('drain', resolve)), this.cancelled]);
  }

  wait() { return this.cancelled; }

  // Throws the status of the plan, unless it is OK.
  end(plan) {
    if (plan.code === 0) return;
    if (plan.details.length > 0) this.trailer.set('grpc-status-details-bin', plan.details);
    throw {code: plan.code, details: plan.message, metadata: this.trailer};
  }

  // Runs `handler`, and notes how it ended.
  async run(handler, done, failed) {
    try {
      done(await handler(this));
    } catch (error) {
      if (error instanceof Cancelled) this.record.seen.cancelled = true;
      else failed(error);
    }
    ++this.record.seen.ended;
  }
}

async function unary(call, request) {
  call.received(request);
  const plan = request.plan || noPlan;
  if (plan.wait) await call.wait();
  if (plan.gather) {
    if (call.record.seen.started === plan.gather) call.record.gather();
    await Promise.race([call.record.gathered, call.cancelled]);
  }
  call.end(plan);
  ++call.record.seen.sent;
  return call.reply(plan.reply_size ? pattern(plan.reply_size, 0) : request.payload, request.text);
}

async function serverStream(call, request) {
  call.received(request);
  const plan = request.plan || noPlan;
  for (let count = 0; count < plan.replies; ++count) {
    const metadata = call.metadata;
    call.metadata = [];
    await call.write({payload: pattern(plan.reply_size, count), text: request.text, count, metadata});
  }
  if (plan.wait) await call.wait();
  call.end(plan);
}

async function clientStream(call) {
  let plan = noPlan, text = '', request;
  while ((request = await call.read())) {
    call.received(request);
    text = request.text;
    if (call.count === 1) {
      plan = request.plan || noPlan;
      if (plan.wait) await call.wait();
    }
    if (call.count === plan.read) break;
  }
  call.end(plan);
  ++call.record.seen.sent;
  return call.reply(Buffer.alloc(0), text);
}

async function bidi(call) {
  let plan = noPlan, request;
  while ((request = await call.read())) {
    call.received(request);
    await call.write(call.reply(request.payload, request.text));
    if (call.count === 1) {
      plan = request.plan || noPlan;
      if (plan.wait) await call.wait();
    }
    if (call.count === plan.read) return call.end(plan);
  }
  for (let i = 0; i < plan.replies; ++i) await call.write(call.reply(pattern(plan.reply_size, i), ''));
  call.end(plan);
}

function withReply(handler) {
  return (call, callback) => {
    const state = new Call(call);
    state.run(c => handler(c, call.request), reply => callback(null, reply, state.trailer), callback);
  };
}
function withReplies(handler) {
  return call => {
    const state = new Call(call);
    state.run(c => handler(c, call.request), () => call.end(state.trailer), error => call.emit('error', error));
  };
}

function main() {
  const args = parseArgs(process.argv.slice(2));
  const {services} = load(args.proto);
  const {NotThere, ...served} = services.Interop.service;
  const server = new grpc.Server({'grpc.max_concurrent_streams': +(args['max-streams'] || 2000)});
  server.addService(served, {
    Unary: withReply(unary), ServerStream: withReplies(serverStream), ClientStream: withReply(clientStream), Bidi: withReplies(bidi),
    Seen: (call, callback) => callback(null, (calls.get(call.request.id) || newRecord()).seen),
    Drain: (call, callback) => (callback(null, {}), process.kill(process.pid, 'SIGTERM')),
  });
  process.once('SIGTERM', () => server.tryShutdown(error => process.exit(error ? 1 : 0)));
  server.bindAsync(grpcAddr(args.listen), grpc.ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    console.log(`listening ${args.listen.startsWith('tcp:') ? `tcp:127.0.0.1:${port}` : args.listen}`);
  });
}

main();
