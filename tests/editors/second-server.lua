-- A language server for Rust files that stands in for rust-analyzer: it says always the same.
-- Run with `nvim -l second-server.lua`.
--
-- It gives a hint behind `let NAME`, a hover for every line, and one code action, which puts a comment at
-- the top. It never fails, or the editor would start it over and over.

local texts = {}

local function send(message)
  message.jsonrpc = '2.0'
  local body = vim.json.encode(message)
  io.stdout:write(('Content-Length: %d\r\n\r\n%s'):format(#body, body))
  io.stdout:flush()
end

local function receive()
  local length
  for line in io.stdin:lines() do
    line = line:gsub('\r$', '')
    if line == '' then
      local body = length and io.stdin:read(length)
      return body and vim.json.decode(body, { luanil = { object = true, array = true } })
    end
    length = tonumber(line:match('^[Cc]ontent%-[Ll]ength: *(%d+)')) or length
  end
end

local function lines_of(params)
  return vim.split(texts[params.textDocument.uri] or '', '\n', { plain = true })
end

local answers = {
  initialize = function()
    return {
      serverInfo = { name = 'second' },
      capabilities = {
        textDocumentSync = { openClose = true, change = 1 },
        inlayHintProvider = true,
        hoverProvider = true,
        codeActionProvider = true,
      },
    }
  end,
  ['textDocument/inlayHint'] = function(params)
    local hints = {}
    for number, line in ipairs(lines_of(params)) do
      local _, last = line:find('let %l+')
      if last then
        table.insert(hints, { position = { line = number - 1, character = last }, label = ': Second', kind = 1 })
      end
    end
    return #hints > 0 and hints or nil
  end,
  ['textDocument/hover'] = function(params)
    local line = lines_of(params)[params.position.line + 1] or ''
    return { contents = { kind = 'markdown', value = 'second hover: `' .. vim.trim(line) .. '`' } }
  end,
  ['textDocument/codeAction'] = function(params)
    local top = { line = 0, character = 0 }
    local edit = { range = { start = top, ['end'] = top }, newText = '// second\n' }
    return { {
      title = 'Second: a comment',
      kind = 'refactor.rewrite',
      edit = { changes = { [params.textDocument.uri] = { edit } } },
    } }
  end,
}

local hears = {
  ['textDocument/didOpen'] = function(params)
    texts[params.textDocument.uri] = params.textDocument.text
  end,
  ['textDocument/didChange'] = function(params)
    texts[params.textDocument.uri] = params.contentChanges[#params.contentChanges].text
  end,
}

for message in receive do
  if message.id and message.method then
    local answer = answers[message.method]
    local fine, result = true, nil
    if answer then
      fine, result = pcall(answer, message.params)
    end
    send({ id = message.id, result = fine and result or vim.NIL })
  elseif message.method == 'exit' then
    os.exit(0)
  elseif hears[message.method] then
    pcall(hears[message.method], message.params)
  end
end
