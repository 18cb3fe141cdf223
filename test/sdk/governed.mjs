// A small API twice: governed by Moesif's own Node SDK, and bare, for a gateway to
// stand before. It prints both addresses, serves until it is told to end, and says
// what the SDK complains about.
import http from 'node:http'
import moesif from 'moesif-nodejs'

const { COLLECTOR_URL, APPLICATION_ID } = process.env

const middleware = moesif({
  applicationId: APPLICATION_ID,
  baseUri: COLLECTOR_URL,
  batchSize: 10,
  batchMaxTime: 600,
  identifyUser: (req) => req.headers['x-user-id'],
  identifyCompany: (req) => req.headers['x-company-id'],
  callback: (error) => error && console.error('moesif:', error.message ?? error),
})

const api = (req, res) => {
  res.statusCode = 200
  res.setHeader('Content-Type', 'application/json')
  res.end(JSON.stringify({ verb: req.method, path: req.url }))
}

// As express.json() does, before the SDK: it looks into bodies that were parsed.
const parsed = (req, next) => {
  const chunks = []
  req.on('data', (chunk) => chunks.push(chunk))
  req.on('end', () => {
    if (chunks.length > 0) req.body = JSON.parse(Buffer.concat(chunks))
    next()
  })
}

const listen = (handler) =>
  new Promise((resolve) => {
    const server = http.createServer(handler)
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`))
  })

const governed = await listen((req, res) => parsed(req, () => middleware(req, res, () => api(req, res))))
console.log(governed, await listen(api))
process.on('SIGTERM', () => process.exit(0))
