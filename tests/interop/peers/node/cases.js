// The cases of the grpc-js peer's client; tests/interop/README.md says what each must check.
'use strict';
const grpc = require('@grpc/grpc-js');
const {pattern, crc32} = require('./common.js');
const {check, checkStatus, fails, within, callTimeout} = require('./client.js');

function checkReply(reply, request, what) {
  const payload = request.payload || Buffer.alloc(0);
  check(reply.payload.equals(payload), `${what}: ${payload.length} bytes of payload came back as ${reply.payload.length} others`);
  check(reply.text === (request.text || ''), `${what}: text ${request.text} came back as ${reply.text}`);
}
function checkTotals(reply, count, size, crc, what) {
  check(reply.count === count && reply.size === size && reply.crc === crc,
    `${what}: sent ${count} messages, ${size} bytes, crc ${crc}; the server counted ${reply.count}, ${reply.size}, ${reply.crc}`);
}
// A reply that has a count and nothing else.
function checkCount(reply, count, what) {
  check(reply !== undefined, `${what}: no reply`);
  check(reply.payload.length === 0 && reply.text === '' && reply.metadata.length === 0, `${what}: reply is not empty`);
  checkTotals(reply, count, 0, 0, what);
}

async function unary(c) {
  for (let k = 0; k < 5; ++k) {
    const request = {payload: pattern(100 * k, k), text: `unary ${k}`};
    const reply = await c.unary(request);
    checkReply(reply, request, request.text);
    checkTotals(reply, 1, 100 * k, crc32(request.payload, 0), request.text);
  }
}

async function readStream(c, n, size) {
  const stream = c.serverStream({text: 'down', plan: {replies: n, reply_size: size}});
  for (let i = 0; i < n; ++i) {
    const reply = await stream.read();
    check(reply && reply.count === i && reply.text === 'down' && reply.payload.equals(pattern(size, i)), `reply ${i} of ${n}`);
  }
  await stream.end('ServerStream');
}

async function writeStream(c, n, size) {
  const stream = c.clientStream();
  let total = 0, crc = 0;
  for (let i = 0; i < n; ++i) {
    const payload = pattern(size(i), i);
    total += payload.length;
    crc = crc32(payload, crc);
    const written = stream.write({payload, text: `${i}`});
    if (i % 16 === 15) await written;
  }
  stream.call.end();
  const reply = await stream.reply;
  checkTotals(reply, n, total, crc, 'ClientStream');
  check(n === 0 || reply.text === `${n - 1}`, `text of the last message: ${reply.text}`);
}

async function server_stream(c) {
  await readStream(c, 10, 1000);
  await readStream(c, 0, 0);
}

async function client_stream(c) {
  await writeStream(c, 10, i => 100 * i);
  await writeStream(c, 0);
}

async function bidi(c) {
  const stream = c.bidi();
  let total = 0, crc = 0;
  for (let i = 0; i < 10; ++i) {
    const request = {payload: pattern(50 * i, i), text: `ping ${i}`};
    if (i === 0) request.plan = {replies: 3, reply_size: 10};
    total += 50 * i;
    crc = crc32(request.payload, crc);
    stream.write(request);
    const reply = await stream.read();
    checkReply(reply, request, request.text);
    checkTotals(reply, i + 1, total, crc, request.text);
  }
  stream.call.end();
  for (let i = 0; i < 3; ++i) {
    const reply = await stream.read();
    check(reply && reply.payload.equals(pattern(10, i)), `reply ${i} after the half-close`);
    checkTotals(reply, 10, total, crc, 'after the half-close');
  }
  await stream.end('Bidi');
}

async function empty(c) {
  checkCount(await c.unary({}), 1, 'Unary');
  await c.serverStream({}).end('ServerStream without replies');
  const down = c.serverStream({plan: {replies: 2}});
  checkCount(await down.read(), 0, 'empty reply');
  checkCount(await down.read(), 1, 'second reply');
  await down.end('ServerStream');
  const up = c.clientStream(), both = c.bidi();
  for (let i = 1; i <= 3; ++i) {
    up.write({});
    both.write({});
    checkCount(await both.read(), i, 'Bidi');
  }
  both.call.end();
  up.call.end();
  await both.end('Bidi');
  checkCount(await up.reply, 3, 'ClientStream');
}

function metadataOf(sent) {
  const metadata = new grpc.Metadata();
  for (const [key, values] of Object.entries(sent)) for (const value of values) metadata.add(key, value);
  return metadata;
}

// Node joins the values of one key, so these are compared joined; "-bin" values are not.
function checkValues(got, key, want, where) {
  const text = values => key.endsWith('-bin') ? values.map(v => v.toString('hex')).join(' ') : values.join(', ');
  check(text(got) === text(want) && (!key.endsWith('-bin') || got.length === want.length),
    `${key} of the ${where}: want [${text(want)}], got [${text(got)}]`);
}

// A Unary and a Bidi call with the metadata: what came back, and what the server saw.
async function exchange(c, sent) {
  for (const shape of ['Unary', 'Bidi']) {
    let reply, header, trailer;
    if (shape === 'Unary') {
      ({reply, header, trailer} = await c.invoke('Unary', {}, {metadata: metadataOf(sent)}));
    } else {
      const stream = c.bidi(metadataOf(sent));
      stream.write({});
      header = await stream.header;
      reply = await stream.read();
      stream.call.end();
      await stream.end('Bidi');
      trailer = (await stream.status).metadata;
    }
    const seen = {};
    for (const {key, value} of reply.metadata) (seen[key] ||= []).push(key.endsWith('-bin') ? value : value.toString());
    for (const [key, values] of Object.entries(sent)) {
      checkValues(seen[key] || [], key, values, `${shape} request`);
      checkValues(header.get(key), key, key.startsWith('x-header') ? values : [], `${shape} header`);
      checkValues(trailer.get(key), key, key.startsWith('x-trailer') ? values : [], `${shape} trailer`);
    }
    check(Object.keys(seen).length === Object.keys(sent).length, `${shape}: the server saw ${Object.keys(seen)}`);
  }
}

async function metadata(c) {
  await exchange(c, {'x-header': ['one'], 'x-header-2': ['two words, and a comma'],
    'x-trailer': ['!"#$%&\'()*+-./:;<=>?@[\\]^_`{|}~'], 'x-other': ['only seen']});
  const error = await fails(c.unary({plan: {code: 5, message: 'none'}}, {metadata: metadataOf({'x-trailer': ['of a failure']})}));
  checkStatus(error, 5, 'none');
  checkValues(error.metadata.get('x-trailer'), 'x-trailer', ['of a failure'], "failure's trailer");
}

async function metadata_many(c) {
  await exchange(c, {'x-header': ['one', 'two, three', 'four'], 'x-trailer': ['b', 'a', 'b'], 'x-other': ['1', '2']});
}

async function metadata_bin(c) {
  await exchange(c, {'x-header-bin': [Buffer.from(Array.from({length: 256}, (_, i) => i))],
    'x-trailer-bin': [Buffer.from([0]), Buffer.from([255, 254]), Buffer.from('abc')], 'x-other-bin': [Buffer.alloc(0)]});
}

async function metadata_big(c) {
  const sent = {'x-trailer': ['t'.repeat(3000)]};
  for (let i = 0; i < 20; ++i) sent[`x-header-${i}`] = [String.fromCharCode(97 + i).repeat(150)];
  await exchange(c, sent);
}

async function sequence(c) {
  for (let i = 0; i < 1000; ++i) {
    const key = `x-header-${i % 13}`, value = `${i}${'v'.repeat(i % 97)}`;
    const {header} = await c.invoke('Unary', {}, {metadata: metadataOf({[key]: [value]})});
    checkValues(header.get(key), key, [value], `header of call ${i}`);
  }
}

async function status_message(c) {
  for (let code = 1; code <= 16; ++code) {
    checkStatus(await fails(c.unary({plan: {code, message: `code ${code}`}})), code, `code ${code}`);
  }
  for (const message of ['grüße, 火, 🎈', '100% of %41 and %zz, %', 'a\nb\tc\x7f', 'long '.repeat(200) + 'end']) {
    checkStatus(await fails(c.unary({plan: {code: 9, message}})), 9, message);
  }
}

async function status_plain(c) {
  const error = await fails(c.unary({plan: {code: 5}}));
  checkStatus(error, 5, '');
  check(error.metadata.get('grpc-status-details-bin').length === 0, 'there are details');
}

async function status_details(c) {
  // StatusDetails{7, "with details", Detail{"type.googleapis.com/sluice.interop.Pair", "\n\1k\x12\1v"}}
  const type = Buffer.from('type.googleapis.com/sluice.interop.Pair'), value = Buffer.from('\n\x01k\x12\x01v');
  const detail = Buffer.concat([Buffer.from([0x0a, type.length]), type, Buffer.from([0x12, value.length]), value]);
  const details = Buffer.concat([Buffer.from([8, 7, 0x12, 12]), Buffer.from('with details'), Buffer.from([0x1a, detail.length]), detail]);
  const error = await fails(c.unary({plan: {code: 7, message: 'with details', details}}));
  checkStatus(error, 7, 'with details');
  checkValues(error.metadata.get('grpc-status-details-bin'), 'grpc-status-details-bin', [details], 'trailer');
}

async function status_kinds(c) {
  const plan = {replies: 2, code: 10, message: 'aborted, after all'};
  const down = c.serverStream({plan});
  for (let i = 0; i < 2; ++i) check(await down.read(), 'ServerStream: too few replies');
  checkStatus(await fails(down.read()), 10, plan.message, 'ServerStream');
  const up = c.clientStream();
  up.write({plan});
  up.call.end();
  checkStatus(await fails(up.reply), 10, plan.message, 'ClientStream');
  const both = c.bidi();
  both.write({plan});
  both.call.end();
  for (let i = 0; i < 3; ++i) check(await both.read(), 'Bidi: too few replies');
  checkStatus(await fails(both.read()), 10, plan.message, 'Bidi');
}

async function unimplemented(c) {
  checkStatus(await fails(c.invoke('NotThere', {})), 12, undefined, 'a method that is not there');
  checkStatus(await fails(c.invoke('Call', {}, {stub: c.missing})), 12, undefined, 'a service that is not there');
  await unary(c);
}

async function utf8(c) {
  for (const text of ['grüße', '日本語', '🎈\u{10ffff}', '\0\x01\x7f\x80\uffff', 'العربية\u200f', 'e\u0301']) {
    checkReply(await c.unary({text}), {text}, 'Unary');
  }
}

async function deadline(c) {
  let id = c.id();
  const start = Date.now();
  checkStatus(await fails(c.unary({id, plan: {wait: true}}, {options: within(300)})), 4);
  const took = Date.now() - start;
  check(took > 250 && took < 5000, `after ${took} ms`);
  let seen = await c.seenCancelled(id);
  check(seen.timeout_ms > 0 && seen.timeout_ms <= 350, `of 300 ms the server saw ${seen.timeout_ms}`);
  id = c.id();
  await c.unary({id}, {options: within(100_000)});
  seen = await c.seen(id, 'the end', r => r.ended === 1);
  check(seen.timeout_ms > 80_000 && seen.timeout_ms <= 101_000, `of 100 s the server saw ${seen.timeout_ms} ms`);
  id = c.id();
  await c.unary({id}, {options: {}});
  seen = await c.seen(id, 'the end', r => r.ended === 1);
  check(seen.timeout_ms === -1 && !seen.cancelled, `without deadline the server saw ${JSON.stringify(seen)}`);
}

async function deadline_stream(c) {
  const id = c.id(), stream = c.bidi(undefined, within(300));
  stream.write({id, plan: {wait: true}});
  check(await stream.read(), 'no first reply');
  checkStatus(await fails(stream.read()), 4);
  await c.seenCancelled(id);
}

async function cancel_unary(c) {
  const id = c.id();
  let call;
  const ended = fails(c.unary({id, plan: {wait: true}}, {started: started => call = started}));
  await c.seen(id, 'the call', r => r.started === 1);
  call.cancel();
  checkStatus(await ended, 1);
  await c.seenCancelled(id);
}

async function cancel_stream(c) {
  const id = c.id(), stream = c.serverStream({id, plan: {replies: 1_000_000, reply_size: 1000}});
  for (let i = 0; i < 5; ++i) check(await stream.read(), 'ServerStream: too few replies');
  stream.call.cancel();
  checkStatus(await stream.status, 1);
  const seen = await c.seenCancelled(id);
  check(seen.sent < 1_000_000, `the server sent all ${seen.sent} replies`);
}

async function cancel_bidi(c) {
  const id = c.id(), stream = c.bidi();
  stream.write({id, plan: {wait: true}});
  check(await stream.read(), 'no first reply');
  stream.call.cancel();
  checkStatus(await fails(stream.read()), 1);
  await c.seenCancelled(id);
}

// Sends until the call has ended; how many messages that were.
async function sendOn(stream, plan) {
  let ended = false, i = 0;
  stream.status.then(() => ended = true);
  while (!ended && i < 100_000) {
    await Promise.race([stream.write({payload: pattern(1000, i), plan}), stream.status]);
    if (++i % 16 === 0) await new Promise(setImmediate);
  }
  check(i < 100_000, 'the server read on');
}

async function server_ends_early(c) {
  const plan = {read: 3, code: 10, message: 'enough'}, stream = c.bidi(), sending = sendOn(stream, plan);
  for (let i = 0; i < 3; ++i) check(await stream.read(), 'Bidi: too few replies');
  checkStatus(await fails(stream.read()), 10, 'enough', 'Bidi');
  await sending;
  const up = c.clientStream();
  await sendOn(up, plan);
  checkStatus(await fails(up.reply), 10, 'enough', 'ClientStream');
  await unary(c);
}

async function server_ends_early_ok(c) {
  const stream = c.bidi(), sending = sendOn(stream, {read: 3});
  for (let i = 0; i < 3; ++i) check(await stream.read(), 'Bidi: too few replies');
  await stream.end('Bidi');
  await sending;
  await unary(c);
}

async function large(c) {
  const request = {payload: pattern(1 << 20, 1)};
  checkReply(await c.unary(request), request, 'Unary');
  const stream = c.bidi();
  for (let i = 0; i < 4; ++i) {
    const one = {payload: pattern(1 << 20, i)};
    stream.write(one);
    checkReply(await stream.read(), one, 'Bidi');
  }
  stream.call.end();
  await stream.end('Bidi');
}

async function volume(c) {
  await readStream(c, 256, 64 << 10);
  await writeStream(c, 256, () => 64 << 10);
}

async function many(c) {
  await readStream(c, 10_000, 10);
  await writeStream(c, 10_000, () => 10);
}

async function too_long(c) {
  checkStatus(await fails(c.unary({payload: pattern(5 << 20, 0)})), 8, undefined, 'a request of 5 MiB');
  checkStatus(await fails(c.unary({plan: {reply_size: 5 << 20}})), 8, undefined, 'a reply of 5 MiB');
  await unary(c);
}

async function allAtOnce(c, id, plan) {
  const whys = [];
  await Promise.all(Array.from({length: 1000}, async (_, i) => {
    const request = {id, text: `${i}`, payload: pattern(i % 100, i), plan};
    try {
      checkReply(await c.unary(request), request, `call ${i}`);
    } catch (error) {
      whys.push(`call ${i}: ${error.message}`);
    }
  }));
  check(whys.length === 0, `${whys.length} of 1000 calls failed; ${whys[0]}`);
}

async function crowd(c) { await allAtOnce(c, c.id(), {gather: 1000}); }
async function crowd_queued(c) { await allAtOnce(c, '', null); }

async function drain(c) {
  const stream = c.bidi(), id = c.id();
  const turn = async () => {
    const request = {id, text: 'turn'};
    stream.write(request);
    checkReply(await stream.read(), request, 'the call that runs');
  };
  await turn();
  await c.invoke('Drain', {});
  let error;
  for (const end = Date.now() + 10_000; !error && Date.now() < end; await new Promise(resolve => setTimeout(resolve, 5))) {
    await turn();
    try {
      await c.unary({});
    } catch (failed) {
      error = failed;
    }
  }
  check(error, 'new calls are still served');
  checkStatus(error, 14, undefined, 'a new call');
  for (let i = 0; i < 10; ++i) await turn();
  stream.call.end();
  await stream.end('the call that runs');
}

async function ping_pong(c) {
  const stream = c.bidi(undefined, within(callTimeout + 1000 * c.seconds));
  let turns = 0;
  for (const end = Date.now() + 1000 * c.seconds; Date.now() < end;) {
    const request = {payload: pattern(turns % 1000, turns)};
    stream.write(request);
    const reply = await stream.read();
    check(reply, `turn ${turns}: the stream ended`);
    checkReply(reply, request, `turn ${turns}`);
    check(reply.count === ++turns, `turn ${turns} was counted as ${reply.count}`);
  }
  stream.call.end();
  await stream.end('Bidi');
  check(turns > 100 * c.seconds, `only ${turns} turns in ${c.seconds} s`);
}

module.exports = {
  unary, server_stream, client_stream, bidi, empty, metadata, metadata_many, metadata_bin, metadata_big, sequence,
  status_message, status_plain, status_details, status_kinds, unimplemented, utf8, deadline, deadline_stream, cancel_unary,
  cancel_stream, cancel_bidi, server_ends_early, server_ends_early_ok, large, volume, many, too_long, crowd, crowd_queued,
  drain, ping_pong,
};
