// A small API with Moesif's own Node SDK in it, pointed at our platform. It prints
// its address, serves until it is told to end, and says what the SDK complains about.
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
middleware.updateUser({ userId: 'ada', companyId: 'analytical', metadata: { name: 'Ada', email: 'ada@analytical.example' } })
middleware.updateCompany({ companyId: 'analytical', companyDomain: 'analytical.example', metadata: { name: 'Analytical Engines' } })

const server = http.createServer((req, res) => {
  middleware(req, res, () => {
    res.statusCode = req.url.startsWith('/broken') ? 500 : 200
    res.setHeader('Content-Type', 'application/json')
    res.end(JSON.stringify({ path: req.url }))
  })
})
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`))
process.on('SIGTERM', () => process.exit(0))
