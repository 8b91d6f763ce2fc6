#!/usr/bin/perl
# Protocol::WebSocket of CPAN as a client of draft-ietf-hybi-00, which is draft-hixie-76.
#
# hixie_client.pl URL PORT: connects to 127.0.0.1:PORT, says what it read of three echoes, then
# closes. It has a Content-Length that is not the draft's, and goes without. Its key3 goes only after the head of the answer when a third argument is given.
use strict;
use warnings;

use IO::Socket::INET;
use Protocol::WebSocket::Frame;
use Protocol::WebSocket::Handshake::Client;

my ($url, $port, $late) = @ARGV;
my $version   = 'draft-ietf-hybi-00';
my $handshake = Protocol::WebSocket::Handshake::Client->new(url => $url, version => $version);
$handshake->req->origin('http://example.com');
$handshake->req->subprotocol('echo');

my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port)
  or die "no connection: $!";
$SIG{ALRM} = sub { die "nothing came\n" };
alarm 30;

sub receive {
    my $got = sysread $socket, my $bytes, 65536;
    die "the end\n" unless $got;
    return $bytes;
}

my $request = $handshake->to_string;
my $key3    = substr $request, -8, 8, '';
$request =~ s/Content-Length: 8\r\n// or die "no length\n";    # the draft has none
print {$socket} $late ? $request : $request . $key3;
$socket->flush;

my $answer = '';
$answer .= receive() while $late && $answer !~ /\r\n\r\n/;
if ($late) { print {$socket} $key3; $socket->flush }
until ($handshake->is_done) {
    $answer .= receive() if $answer eq '';
    $handshake->parse($answer) or die 'handshake: ', $handshake->error, "\n";
}
print "open\n";

my $frames = Protocol::WebSocket::Frame->new(version => $version);
$frames->append($answer);
for my $text ('Hello', "gr\x{fc}n \x{1f319}", 'x' x 70000) {
    print {$socket} Protocol::WebSocket::Frame->new(buffer => $text, version => $version)->to_bytes;
    $socket->flush;
    my $got;
    $frames->append(receive()) until defined($got = $frames->next);
    print $got eq $text ? "same\n" : "other\n";
}
print {$socket} "\xff\x00";
$socket->flush;
my $end = receive();
print unpack('H*', $end), "\n";
