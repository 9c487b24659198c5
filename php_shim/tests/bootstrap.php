<?php

/**
 * Loads the host's stand-ins, the module, and what the tests share.
 */

require_once __DIR__ . '/host/bootstrap.php';
require_once __DIR__ . '/bridge/ScriptedBridge.php';
require_once __DIR__ . '/ShimTestCase.php';
require_once __DIR__ . '/tabs/TabTestCase.php';
