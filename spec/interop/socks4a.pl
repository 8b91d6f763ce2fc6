# A SOCKS4 and 4a proxy of IO::Socket::Socks: the one of Debian's that takes names by SOCKS4a.
# A child for each connection.
#
#   socks4a.pl PORT
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IO::Socket::Socks qw(:constants $SOCKS_ERROR);

$SIG{CHLD} = 'IGNORE';
$SIG{TERM} = sub { exit 0 };
$| = 1;

my $server = IO::Socket::Socks->new(
    ProxyAddr    => '127.0.0.1',
    ProxyPort    => $ARGV[0],
    Listen       => 16,
    ReuseAddr    => 1,
    SocksVersion => 4,
    SocksResolve => 1, # that is 4a
) or die $SOCKS_ERROR;

sub relay {
    my @both   = @_;
    my $select = IO::Select->new(@both);
    while (my @ready = $select->can_read(60)) {
        for my $from (@ready) {
            my $to = $from == $both[0] ? $both[1] : $both[0];
            my $count = sysread($from, my $data, 65536);
            return unless $count;
            while (length $data) {
                my $sent = syswrite($to, $data);
                return unless $sent;
                substr($data, 0, $sent) = '';
            }
        }
    }
}

while (1) {
    my $client = $server->accept or next;
    next if fork;
    my $command = $client->command or exit 1;
    my (undef, $host, $port) = @$command;
    my $target = IO::Socket::INET->new(PeerAddr => $host, PeerPort => $port, Timeout => 10);
    $client->command_reply($target ? REQUEST_GRANTED : REQUEST_FAILED, '0.0.0.0', $port);
    relay($client, $target) if $target;
    exit 0;
}
