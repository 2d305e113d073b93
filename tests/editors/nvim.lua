-- Runs inside Neovim with src/boxes.rs open; leaves it with status 1 at the first thing that is not so.
local PATIENCE = tonumber(vim.env.TEST_PATIENCE) * 1000
local buffer = vim.api.nvim_get_current_buf()
local messages = {}
vim.notify = function(text)
  table.insert(messages, text)
end

local function say(text)
  io.stdout:write(text .. '\n')
end

-- Waits until `get` gives something, which is then given back.
local function wait_for(what, get)
  local found
  local came = vim.wait(PATIENCE, function()
    found = get()
    return found
  end, 50)
  if not came then
    error('waited in vain: ' .. what, 0)
  end
  say('ok  ' .. what)
  return found
end

local function text_of(bufnr)
  return table.concat(vim.api.nvim_buf_get_lines(bufnr, 0, -1, false), '\n')
end

local function client(name)
  return vim.lsp.get_clients({ bufnr = buffer, name = name })[1]
end

local function label(hint)
  if type(hint.label) == 'string' then
    return hint.label
  end
  local parts = {}
  for _, part in ipairs(hint.label) do
    table.insert(parts, part.value)
  end
  return table.concat(parts)
end

-- Whether a server gives a hint with this text in this line, counted from 1.
local function has_hint(name, line, text)
  local of = client(name)
  for _, hint in ipairs(vim.lsp.inlay_hint.get({ bufnr = buffer })) do
    if of and hint.client_id == of.id and hint.inlay_hint.position.line == line - 1
        and label(hint.inlay_hint):find(text, 1, true) then
      return true
    end
  end
  return false
end

-- The text of the floating window that is open, and the window.
local function float()
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    if vim.api.nvim_win_get_config(window).relative ~= '' then
      return text_of(vim.api.nvim_win_get_buf(window)), window
    end
  end
end

local function float_with(...)
  local text = float()
  for _, wanted in ipairs({ ... }) do
    if not text or not text:find(wanted, 1, true) then
      return nil
    end
  end
  return text
end

local function press(keys)
  vim.api.nvim_feedkeys(vim.api.nvim_replace_termcodes(keys, true, false, true), 'xt', false)
end

local function go_to(line, text)
  local found = vim.api.nvim_buf_get_lines(buffer, line - 1, line, false)[1]:find(text, 1, true)
  vim.api.nvim_win_set_cursor(0, { line, assert(found, text .. ' in line ' .. line) - 1 })
end

local function main()
  local plugin = require('futurelens')
  wait_for('both servers are attached', function()
    return client('futurelens') and client('second')
  end)
  assert(client('futurelens').config.root_dir == vim.fn.getcwd(), client('futurelens').config.root_dir)
  dofile(vim.fn.fnamemodify(debug.getinfo(1, 'S').source:sub(2), ':h') .. '/nvim-pids.lua')

  -- Hints.
  wait_for('the size of a fn is a hint', function()
    return has_hint('futurelens', 18, '4.0 KiB · 65 cache lines')
  end)
  wait_for("the second server's hints are there too", function()
    return has_hint('second', 12, ': Second')
  end)
  wait_for('settings reach the server when it starts', function()
    return has_hint('futurelens', 13, 'held')
  end)
  local drawn = {}
  wait_for('the hints of both are drawn', function()
    vim.cmd('redraw!')
    for name, namespace in pairs(vim.api.nvim_get_namespaces()) do
      if name:find('inlayhint', 1, true) then
        for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(buffer, namespace, 0, -1, { details = true })) do
          for _, chunk in ipairs(mark[4].virt_text or {}) do
            drawn.size = drawn.size or chunk[1]:find('65 cache lines', 1, true)
            drawn.second = drawn.second or chunk[1]:find(': Second', 1, true)
          end
        end
      end
    end
    return drawn.size and drawn.second
  end)
  plugin.configure({ hints = { awaits = 'off' } })
  wait_for('changed settings reach it, too', function()
    return not has_hint('futurelens', 13, 'held') and has_hint('futurelens', 18, '4.0 KiB')
  end)

  -- Hover.
  go_to(18, 'caller_inline')
  press('K')
  wait_for('a hover shows what is held, and what the second server says', function()
    return float_with('second hover', 'caller_inline', '4,099 B', 'large_future()', 'line 19')
  end)
  local _, hover = float()
  vim.api.nvim_win_close(hover, true)

  -- Layout.
  vim.cmd('FuturelensLayout')
  local layout = wait_for('the layout opens in a window, with its picture', function()
    return float_with('caller_inline', 'Suspend0', '░░░')
  end)
  assert(not layout:find('second hover', 1, true), layout)
  local _, window = float()
  -- Text of a hover is folded, a layout is not.
  if vim.wo[window].wrap then
    assert(vim.env.FUTURELENS_STRICT == nil, 'the server has no futurelens/layout')
    say('    it is the hover: this server has no futurelens/layout')
  end
  assert(vim.api.nvim_get_current_win() == window, 'the window has the cursor, to scroll it')
  press('G')
  assert(vim.api.nvim_win_get_cursor(window)[1] > 1, 'it scrolls')
  press('q')
  assert(not float(), 'q closes it')
  vim.cmd('FuturelensLayout')
  wait_for('it opens again', function()
    return float_with('caller_inline', 'Suspend0')
  end)
  press('<Esc>')
  assert(not float(), '<Esc> closes it')
  say('ok  q and <Esc> close it')
  local ours = client('futurelens')
  local own_request = rawget(ours, 'request')
  ours.request = function(...)
    for _, argument in ipairs({ ... }) do
      if type(argument) == 'function' then
        argument(nil, { text = 'a picture\nof two lines\n' })
      end
    end
    return true
  end
  vim.cmd('FuturelensLayout')
  ours.request = own_request
  assert(float() == 'a picture\nof two lines', float())
  press('q')
  say('ok  an answer to futurelens/layout is shown as it is')
  go_to(1, '//!')
  vim.cmd('FuturelensLayout')
  wait_for('where nothing is measured it says so', function()
    return messages[#messages] and messages[#messages]:find('nothing measured here', 1, true)
  end)

  -- A code action.
  go_to(19, 'large_future')
  local title
  wait_for('boxing the awaited future is offered, measured', function()
    local ours = client('futurelens')
    local params = vim.lsp.util.make_range_params(0, ours.offset_encoding)
    params.context = { diagnostics = {} }
    local answers = vim.lsp.buf_request_sync(buffer, 'textDocument/codeAction', params, 5000) or {}
    local titles = {}
    for _, answer in pairs(answers) do
      for _, action in ipairs(answer.result or {}) do
        if action.title:find('^Box this future with Box::pin %(saves [%d.,]+ B%)$') then
          title = action.title
        end
        titles[action.title] = true
      end
    end
    return title and titles['Second: a comment']
  end)
  say('    ' .. title)
  vim.lsp.buf.code_action({
    apply = true,
    filter = function(action)
      return action.title == title
    end,
  })
  wait_for('it is applied', function()
    return text_of(buffer):find('\n    Box::pin(large_future()).await;\n}\n\n/// **16 bytes**: a pointer and', 1, true)
  end)
  vim.cmd('silent write')
  wait_for('after saving the hint shows the new size', function()
    return has_hint('futurelens', 18, '16 B · 1 cache line') and not has_hint('futurelens', 18, 'stale')
  end)

  -- Measuring again, told by its progress.
  local ended = false
  vim.api.nvim_create_autocmd('LspProgress', {
    callback = function(event)
      local value = vim.tbl_get(event, 'data', 'params', 'value') or vim.tbl_get(event, 'data', 'result', 'value')
      if value and value.kind == 'end' then
        ended = true
      end
    end,
  })
  vim.cmd('FuturelensRebuild')
  wait_for(':FuturelensRebuild measures again', function()
    return ended
  end)

  -- Health.
  vim.cmd('silent checkhealth futurelens')
  local health = wait_for(':checkhealth finds no error', function()
    local text = text_of(0)
    return text:find('inlay hints are on', 1, true) and text
  end)
  assert(not health:find('ERROR', 1, true), health)
  assert(health:find('futurelens 0.', 1, true), health)
  assert(health:find('client %d+ runs for'), health)
  assert(health:find('measured by rustc 1%.%d+%.%d+[^\n]*: [^\n]+'), health)
  assert(health:find('futurelens: ' .. vim.fn.getcwd(), 1, true), health)
  assert(health:find('kept in [^\n]*/target/futurelens: [%d.]+ [KM]iB, of which [%d.]+ %a+ what compilers printed in %d+ runs'), health)
  assert(health:find("the project's own: ", 1, true), health)
  vim.cmd('bwipeout')
  say('ok  it says which compiler measures')

  -- What `:checkhealth` shows with other options.
  local function health_with(changes)
    local before = plugin.options
    plugin.options = vim.tbl_extend('force', before, changes)
    vim.cmd('silent checkhealth futurelens')
    plugin.options = before
    local text = text_of(0)
    vim.cmd('bwipeout')
    return text
  end
  health = health_with({ cmd = { '/none/futurelens' } })
  assert(health:find('ERROR `/none/futurelens` is not an executable', 1, true), health)
  assert(health:find('cargo install --path server', 1, true) and not health:find('measured by', 1, true), health)
  health = health_with({ cmd = { vim.fn.exepath('false') } })
  assert(health:find('ERROR [^\n]*false %-%-version`: exit status 1') and health:find('install it anew', 1, true), health)
  health = health_with({ cmd = { vim.fn.exepath('env'), 'A=1', vim.env.TEST_SERVER, 'lsp' } })
  assert(health:find('measured by rustc', 1, true) and not health:find('ERROR', 1, true), health)
  health = health_with({ settings = { toolchain = 'none-such' } })
  assert(health:find('ERROR toolchain `none-such` is not installed', 1, true), health)
  health = health_with({ settings = { trusted = false } })
  assert(health:find('WARNING the project is not trusted', 1, true) and not health:find('rustc', 1, true), health)
  health = health_with({ trusted = function() return false end })
  assert(health:find('not trusted, as the function', 1, true) and not health:find('rustc', 1, true), health)
  say('ok  and what is in the way')

  -- Where it starts.
  local folder = vim.fn.fnamemodify(vim.env.TEST_PIDS, ':h') .. '/roots'
  vim.fn.mkdir(folder .. '/a/src', 'p')
  vim.fn.mkdir(folder .. '/alone/src', 'p')
  vim.fn.mkdir(folder .. '/none', 'p')
  vim.fn.mkdir(folder .. '/rustlib/src/core/src', 'p')
  vim.fn.writefile({ '[package]', 'name = "a"' }, folder .. '/a/Cargo.toml')
  assert(plugin.root(folder .. '/a/src/lib.rs') == folder .. '/a')
  vim.fn.writefile({ '[workspace.package]', 'version = "1.0.0"' }, folder .. '/Cargo.toml')
  vim.fn.writefile({ '[package]', 'name = "alone"', '[workspace] # its own' }, folder .. '/alone/Cargo.toml')
  assert(plugin.root(folder .. '/a/src/lib.rs') == folder)
  assert(plugin.root(folder .. '/alone/src/lib.rs') == folder .. '/alone')
  assert(plugin.root(folder .. '/rustlib/src/core/src/lib.rs') == nil)
  plugin.options.trusted = function(root)
    return root ~= folder
  end
  vim.cmd('edit ' .. folder .. '/a/src/lib.rs')
  vim.wait(200)
  assert(not plugin.client(0), 'started in a folder that is not trusted')
  say('ok  it starts in the workspace of a file, and only where it is trusted')
end

local fine, trouble = xpcall(main, function(trouble)
  return type(trouble) == 'string' and trouble or vim.inspect(trouble)
end)
if not fine then
  say('FAILED: ' .. trouble)
  say('messages: ' .. vim.inspect(messages) .. vim.fn.execute('messages'))
  local text = float()
  say('window: ' .. (text or 'none'))
  vim.cmd('cquit 1')
end
vim.cmd('qall!')
