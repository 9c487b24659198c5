<?php

require_once __DIR__ . '/lib/autoload.php';

use Infrafabric\Concerns\DescribesPackages;
use Infrafabric\Concerns\ManagesRows;
use Infrafabric\Concerns\OffersTabs;
use Infrafabric\Concerns\RunsServices;
use Infrafabric\Concerns\ShowsServices;
use Infrafabric\Concerns\Speaks;
use Infrafabric\Concerns\Synchronises;
use Infrafabric\Concerns\TakesOrders;

/**
 * The InfraFabric module: validates locally, calls the bridge, and maps the answer to service fields or Input errors.
 *
 * Everything about InfraFabric, retries, waiting and state is the bridge's. The traits hold one audience each.
 */
class Infrafabric extends Module
{
    use Speaks;
    use ManagesRows;
    use DescribesPackages;
    use TakesOrders;
    use RunsServices;
    use ShowsServices;
    use OffersTabs;
    use Synchronises;

    /**
     * Blesta creates the module for every listing, order form and cron run: nothing here may touch the network.
     */
    public function __construct()
    {
        Loader::loadComponents($this, ['Input']);
        Language::loadLang('infrafabric', null, __DIR__ . DS . 'language' . DS);
        Configure::load('infrafabric', __DIR__ . DS . 'config' . DS);
        $this->loadConfig(__DIR__ . DS . 'config.json');
    }
}
